// franz-go with its admin client kadm: speaks the newest version of every API.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "odradek.test/interop/cases"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func client(options ...kgo.Opt) *kgo.Client {
	return Must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(Bootstrap)}, options...)...))
}

var admin = kadm.NewClient(client())

func create(ctx context.Context, name string, partitions int32, configs map[string]*string) string {
	topic := Topic(name)
	Check(Must(admin.CreateTopics(ctx, partitions, 1, configs, topic)).Error())
	return topic
}

func text(s string) *string { return &s }

func produce(ctx context.Context, records []*kgo.Record, options ...kgo.Opt) {
	producer := client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	defer producer.Close()
	Check(producer.ProduceSync(ctx, records...).FirstErr())
}

func records(topic string, values []string, partitions int) []*kgo.Record {
	made := make([]*kgo.Record, len(values))
	for i, value := range values {
		made[i] = &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte(value)}
	}
	return made
}

// read takes count records from the beginning of all partitions.
func read(ctx context.Context, topic string, count int) []*kgo.Record {
	reader := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	return take(ctx, reader, count)
}

func take(ctx context.Context, reader *kgo.Client, count int) []*kgo.Record {
	var taken []*kgo.Record
	for len(taken) < count {
		fetches := reader.PollFetches(ctx)
		Check(fetches.Err())
		taken = append(taken, fetches.Records()...)
	}
	return taken
}

func values(records []*kgo.Record) []string {
	found := make([]string, len(records))
	for i, record := range records {
		found[i] = string(record.Value)
	}
	return found
}

// member is a consumer of a group that reads in the background.
type member struct {
	*kgo.Client
	mutex    sync.Mutex
	assigned map[int32]bool
}

func join(group, topic string, seen *sync.Map) *member {
	m := &member{assigned: map[int32]bool{}}
	change := func(topics map[string][]int32, has bool) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		for _, partition := range topics[topic] {
			if has {
				m.assigned[partition] = true
			} else {
				delete(m.assigned, partition)
			}
		}
	}
	m.Client = client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, a map[string][]int32) { change(a, true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, r map[string][]int32) { change(r, false) }))
	go func() {
		for {
			fetches := m.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(r *kgo.Record) { seen.Store(string(r.Value), true) })
		}
	}()
	return m
}

func (m *member) partitions() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.assigned)
}

func size(seen *sync.Map) (count int) {
	seen.Range(func(any, any) bool { count++; return true })
	return
}

func main() {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		Run("codecs/"+name, func(ctx context.Context) {
			topic := create(ctx, "codec-"+name, 1, nil)
			produce(ctx, records(topic, Numbers(0, 50), 1), kgo.ProducerBatchCompression(codecs[name]))
			Equal(values(read(ctx, topic, 50)), Numbers(0, 50), "values")
		})
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	for _, name := range []string{"0", "1", "all"} {
		Run("acks/"+name, func(ctx context.Context) {
			topic := create(ctx, "acks-"+name, 1, nil)
			produce(ctx, records(topic, Numbers(0, 50), 1), kgo.RequiredAcks(acks[name]), kgo.DisableIdempotentWrite())
			Equal(len(read(ctx, topic, 50)), 50, "records")
		})
	}
	Run("beginning/all-partitions", func(ctx context.Context) {
		topic := create(ctx, "beginning", 3, nil)
		produce(ctx, records(topic, Numbers(0, 300), 3))
		next := map[int32]int{0: 0, 1: 1, 2: 2}
		for _, record := range read(ctx, topic, 300) {
			Equal(string(record.Value), fmt.Sprint(next[record.Partition]), "value")
			next[record.Partition] += 3
		}
	})
	Run("group/two-members-one-leaves", func(ctx context.Context) {
		topic := create(ctx, "group", 4, nil)
		var seen sync.Map
		one, two := join(Topic("group"), topic, &seen), join(Topic("group"), topic, &seen)
		Until(ctx, func() [2]int { return [2]int{one.partitions(), two.partitions()} }, [2]int{2, 2}, "partitions of the two")
		produce(ctx, records(topic, Numbers(0, 40), 4))
		Until(ctx, func() int { return size(&seen) }, 40, "values seen by both")
		Check(one.CommitUncommittedOffsets(ctx))
		one.Close()
		Until(ctx, two.partitions, 4, "partitions of the one that stays")
		produce(ctx, records(topic, Numbers(40, 40), 4))
		Until(ctx, func() int { return size(&seen) }, 80, "values seen after one left")
		two.Close()
	})
	Run("commit/resume", func(ctx context.Context) {
		topic, group := create(ctx, "commit", 1, nil), Topic("commit")
		produce(ctx, records(topic, Numbers(0, 20), 1))
		first := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
		Check(first.CommitRecords(ctx, take(ctx, first, 10)[9]))
		first.Close()
		second := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
		defer second.Close()
		Equal(values(take(ctx, second, 10))[0], "10", "first value after the commit")
	})
	Run("time/list-offsets", func(ctx context.Context) {
		topic := create(ctx, "time", 1, nil)
		base := time.UnixMilli(1_700_000_000_000)
		sent := records(topic, Numbers(0, 10), 1)
		for i, record := range sent {
			record.Timestamp = base.Add(time.Duration(i) * time.Second)
		}
		produce(ctx, sent)
		found, _ := Must(admin.ListOffsetsAfterMilli(ctx, base.UnixMilli()+4500, topic)).Lookup(topic, 0)
		Equal([2]int64{found.Offset, found.Timestamp}, [2]int64{5, base.UnixMilli() + 5000}, "offset by time")
		later, _ := Must(admin.ListOffsetsAfterMilli(ctx, base.UnixMilli()+3_600_000, topic)).Lookup(topic, 0)
		Equal(later.Offset, 10, "offset after the last")
		latest, _ := Must(admin.ListMaxTimestampOffsets(ctx, topic)).Lookup(topic, 0)
		Equal(latest.Offset, 9, "offset of the largest timestamp")
	})
	Run("headers/repeated-and-null", func(ctx context.Context) {
		topic := create(ctx, "headers", 1, nil)
		headers := []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "null"}}
		produce(ctx, []*kgo.Record{{Topic: topic, Headers: headers}})
		Equal(read(ctx, topic, 1)[0].Headers, headers, "headers")
	})
	Run("nulls/key-and-value", func(ctx context.Context) {
		topic := create(ctx, "nulls", 1, nil)
		produce(ctx, []*kgo.Record{{Topic: topic, Value: []byte("v")}, {Topic: topic, Key: []byte("k")},
			{Topic: topic, Key: []byte{}, Value: []byte{}}})
		found := read(ctx, topic, 3)
		Equal([2]bool{found[0].Key == nil, found[1].Value == nil}, [2]bool{true, true}, "null")
		Equal([2]bool{found[2].Key == nil, found[2].Value == nil}, [2]bool{false, false}, "null for empty")
	})
	Run("large/1MB", func(ctx context.Context) {
		topic := create(ctx, "large", 1, nil)
		for range 3 {
			record := &kgo.Record{Topic: topic, Value: Big()}
			produce(ctx, []*kgo.Record{record}, kgo.ProducerBatchCompression(kgo.NoCompression()),
				kgo.ProducerBatchMaxBytes(1_048_588))
		}
		for _, record := range read(ctx, topic, 3) {
			Equal(string(record.Value) == string(Big()), true, "the value is whole")
		}
	})
	Run("idempotence/producer", func(ctx context.Context) {
		topic := create(ctx, "idempotence", 1, nil)
		produce(ctx, records(topic, Numbers(0, 500), 1), kgo.ProducerBatchMaxBytes(1024))
		found := read(ctx, topic, 500)
		Equal(values(found), Numbers(0, 500), "values")
		Equal(found[499].Offset, 499, "last offset")
		Equal(found[0].ProducerID >= 0, true, "the batch has a producer id")
	})
	administration()
}

func administration() {
	Run("topics/create", func(ctx context.Context) {
		topic := create(ctx, "admin", 2, map[string]*string{"retention.ms": text("60000")})
		Until(ctx, func() int { return len(Must(admin.ListTopics(ctx))[topic].Partitions) }, 2, "partitions")
		again := Must(admin.CreateTopics(ctx, 1, 1, nil, topic))
		Equal(errors.Is(again.Error(), kerr.TopicAlreadyExists), true, "the second creation is refused")
	})
	Run("topics/grow", func(ctx context.Context) {
		topic := create(ctx, "grow", 1, nil)
		Check(Must(admin.UpdatePartitions(ctx, 4, topic)).Error())
		// The client answers from what it knew up to some seconds ago.
		Until(ctx, func() int { return len(Must(admin.ListTopics(ctx))[topic].Partitions) }, 4, "partitions")
	})
	Run("topics/delete", func(ctx context.Context) {
		topic := create(ctx, "gone", 1, nil)
		Check(Must(admin.DeleteTopics(ctx, topic)).Error())
		Until(ctx, func() bool { return Must(admin.ListTopics(ctx)).Has(topic) }, false, "listed")
	})
	config := func(ctx context.Context, topic, key string) string {
		described := Must(Must(admin.DescribeTopicConfigs(ctx, topic)).On(topic, nil))
		for _, entry := range described.Configs {
			if entry.Key == key {
				return entry.MaybeValue()
			}
		}
		return "not there"
	}
	Run("configs/describe", func(ctx context.Context) {
		topic := create(ctx, "configs", 1, map[string]*string{"retention.ms": text("60000")})
		Equal(config(ctx, topic, "retention.ms"), "60000", "retention.ms")
		brokers := Must(admin.ListBrokers(ctx))
		described := Must(admin.DescribeBrokerConfigs(ctx, brokers[0].NodeID))
		Equal(len(described[0].Configs) > 50, true, "many configs of the broker")
	})
	Run("configs/incremental", func(ctx context.Context) {
		topic := create(ctx, "alter", 1, map[string]*string{"segment.bytes": text("1048576")})
		edits := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: text("70000")},
			{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: text("compact")}}
		for _, answer := range Must(admin.AlterTopicConfigs(ctx, edits, topic)) {
			Check(answer.Err)
		}
		found := []string{config(ctx, topic, "retention.ms"), config(ctx, topic, "cleanup.policy"), config(ctx, topic, "segment.bytes")}
		Equal(found, []string{"70000", "delete,compact", "1048576"}, "configs")
	})
	Run("configs/alter-all", func(ctx context.Context) {
		topic := create(ctx, "alter-all", 1, map[string]*string{"segment.bytes": text("1048576")})
		edits := []kadm.AlterConfig{{Name: "retention.ms", Value: text("70000")}}
		for _, answer := range Must(admin.AlterTopicConfigsState(ctx, edits, topic)) {
			Check(answer.Err)
		}
		Equal(config(ctx, topic, "segment.bytes"), "1073741824", "segment.bytes is back at its default")
	})
	Run("delete-records/before", func(ctx context.Context) {
		topic := create(ctx, "delete-records", 1, nil)
		produce(ctx, records(topic, Numbers(0, 50), 1))
		before := kadm.Offsets{}
		before.Add(kadm.Offset{Topic: topic, Partition: 0, At: 20})
		Check(Must(admin.DeleteRecords(ctx, before)).Error())
		Equal(read(ctx, topic, 30)[0].Offset, 20, "first offset")
	})
	Run("groups/administration", func(ctx context.Context) {
		topic, group := create(ctx, "groups", 1, nil), Topic("groups")
		produce(ctx, records(topic, Numbers(0, 50), 1))
		member := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
		Check(member.CommitRecords(ctx, take(ctx, member, 50)...))
		lag := Must(admin.Lag(ctx, group))[group]
		Equal([]any{lag.State, len(lag.Members), lag.Lag.Total()}, []any{"Stable", 1, int64(0)}, "group")
		_, inUse := admin.DeleteGroup(ctx, group)
		Equal(errors.Is(inUse, kerr.NonEmptyGroup), true, "a group in use is not deleted")
		member.Close()
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 7, LeaderEpoch: -1})
		Check(admin.CommitAllOffsets(ctx, group, offsets))
		found, _ := Must(admin.FetchOffsets(ctx, group)).Lookup(topic, 0)
		Equal(found.At, 7, "offset after it was set")
		Must(admin.DeleteGroup(ctx, group))
		_, listed := Must(admin.ListGroups(ctx))[group]
		Equal(listed, false, "listed after its deletion")
	})
	Run("admin/log-dirs", func(ctx context.Context) {
		topic := create(ctx, "log-dirs", 1, nil)
		produce(ctx, records(topic, Numbers(0, 50), 1))
		size := int64(0)
		Must(admin.DescribeAllLogDirs(ctx, nil)).Each(func(dir kadm.DescribedLogDir) {
			Check(dir.Err)
			dir.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				if p.Topic == topic {
					size += p.Size
				}
			})
		})
		Equal(size > 0, true, "the topic has bytes in a log directory")
	})
}
