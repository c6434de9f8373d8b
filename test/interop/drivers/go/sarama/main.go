// IBM/sarama, with the versions of Kafka 4 that it knows.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "odradek.test/interop/cases"

	"github.com/IBM/sarama"
)

var brokers = []string{Bootstrap}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	return c
}

var admin = Must(sarama.NewClusterAdmin(brokers, config()))

func create(name string, partitions int32, configs map[string]*string) string {
	topic := Topic(name)
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}
	Check(admin.CreateTopic(topic, detail, false))
	return topic
}

func text(s string) *string { return &s }

func messages(topic string, values []string, partitions int) []*sarama.ProducerMessage {
	made := make([]*sarama.ProducerMessage, len(values))
	for i, value := range values {
		made[i] = &sarama.ProducerMessage{Topic: topic, Partition: int32(i % partitions), Value: sarama.StringEncoder(value)}
	}
	return made
}

func produce(sent []*sarama.ProducerMessage, edit func(*sarama.Config)) {
	c := config()
	if edit != nil {
		edit(c)
	}
	producer := Must(sarama.NewSyncProducer(brokers, c))
	defer producer.Close()
	Check(producer.SendMessages(sent))
}

// read takes count messages of one partition from an offset on.
func read(ctx context.Context, topic string, partition int32, offset int64, count int) []*sarama.ConsumerMessage {
	consumer := Must(sarama.NewConsumer(brokers, config()))
	defer consumer.Close()
	reader := Must(consumer.ConsumePartition(topic, partition, offset))
	defer reader.Close()
	var taken []*sarama.ConsumerMessage
	for len(taken) < count {
		select {
		case message := <-reader.Messages():
			taken = append(taken, message)
		case <-ctx.Done():
			Equal(len(taken), count, "messages read")
		}
	}
	return taken
}

func values(messages []*sarama.ConsumerMessage) []string {
	found := make([]string, len(messages))
	for i, message := range messages {
		found[i] = string(message.Value)
	}
	return found
}

// member is a consumer of a group that reads in the background and marks what `marks` says; what is marked is committed
// while it reads and when it leaves.
type member struct {
	group sarama.ConsumerGroup
	marks func(*sarama.ConsumerMessage) bool
	mutex sync.Mutex
	parts int
	seen  *sync.Map
}

func join(group, topic string, seen *sync.Map, marks func(*sarama.ConsumerMessage) bool) *member {
	m := &member{group: Must(sarama.NewConsumerGroup(brokers, group, config())), seen: seen, marks: marks}
	go func() {
		for m.group.Consume(context.Background(), []string{topic}, m) == nil {
		}
	}()
	return m
}

func (m *member) set(parts int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.parts = parts
}

func (m *member) partitions() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.parts
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	for _, partitions := range s.Claims() {
		m.set(len(partitions))
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.set(0)
	return nil
}

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			if m.marks(message) {
				s.MarkMessage(message, "")
			}
			m.seen.Store(string(message.Value), message.Offset)
		case <-s.Context().Done():
			return nil
		}
	}
}

func size(seen *sync.Map) (count int) {
	seen.Range(func(any, any) bool { count++; return true })
	return
}

func all(*sarama.ConsumerMessage) bool { return true }

func main() {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP,
		sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		Run("codecs/"+codec.String(), func(ctx context.Context) {
			topic := create("codec-"+codec.String(), 1, nil)
			produce(messages(topic, Numbers(0, 50), 1), func(c *sarama.Config) { c.Producer.Compression = codec })
			Equal(values(read(ctx, topic, 0, sarama.OffsetOldest, 50)), Numbers(0, 50), "values")
		})
	}
	acks := map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}
	for _, name := range []string{"0", "1", "all"} {
		Run("acks/"+name, func(ctx context.Context) {
			topic := create("acks-"+name, 1, nil)
			produce(messages(topic, Numbers(0, 50), 1), func(c *sarama.Config) { c.Producer.RequiredAcks = acks[name] })
			Equal(len(read(ctx, topic, 0, sarama.OffsetOldest, 50)), 50, "messages")
		})
	}
	Run("beginning/all-partitions", func(ctx context.Context) {
		topic := create("beginning", 3, nil)
		produce(messages(topic, Numbers(0, 300), 3), nil)
		for partition := range int32(3) {
			for i, value := range values(read(ctx, topic, partition, sarama.OffsetOldest, 100)) {
				Equal(value, fmt.Sprint(i*3+int(partition)), "value")
			}
		}
	})
	Run("group/two-members-one-leaves", func(ctx context.Context) {
		topic, group := create("group", 4, nil), Topic("group")
		var seen sync.Map
		one, two := join(group, topic, &seen, all), join(group, topic, &seen, all)
		Until(ctx, func() [2]int { return [2]int{one.partitions(), two.partitions()} }, [2]int{2, 2}, "partitions of the two")
		produce(messages(topic, Numbers(0, 40), 4), nil)
		Until(ctx, func() int { return size(&seen) }, 40, "values seen by both")
		Check(one.group.Close())
		Until(ctx, two.partitions, 4, "partitions of the one that stays")
		produce(messages(topic, Numbers(40, 40), 4), nil)
		Until(ctx, func() int { return size(&seen) }, 80, "values seen after one left")
		Check(two.group.Close())
	})
	Run("commit/resume", func(ctx context.Context) {
		topic, group := create("commit", 1, nil), Topic("commit")
		produce(messages(topic, Numbers(0, 20), 1), nil)
		var before, after sync.Map
		first := join(group, topic, &before, func(m *sarama.ConsumerMessage) bool { return m.Offset < 10 })
		Until(ctx, func() int { return size(&before) }, 20, "read by the first")
		Check(first.group.Close())
		second := join(group, topic, &after, all)
		Until(ctx, func() int { return size(&after) }, 10, "read by the second")
		Check(second.group.Close())
	})
	Run("time/get-offset", func(ctx context.Context) {
		topic := create("time", 1, nil)
		base := time.UnixMilli(1_700_000_000_000)
		sent := messages(topic, Numbers(0, 10), 1)
		for i, message := range sent {
			message.Timestamp = base.Add(time.Duration(i) * time.Second)
		}
		produce(sent, nil)
		client := Must(sarama.NewClient(brokers, config()))
		defer client.Close()
		Equal(Must(client.GetOffset(topic, 0, base.UnixMilli()+4500)), 5, "offset by time")
		Equal(Must(client.GetOffset(topic, 0, base.UnixMilli()+3_600_000)), -1, "offset after the last")
		Equal(Must(client.GetOffset(topic, 0, sarama.OffsetNewest)), 10, "end")
	})
	Run("headers/repeated-and-null", func(ctx context.Context) {
		topic := create("headers", 1, nil)
		headers := []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("2")}, {Key: []byte("null")}}
		produce([]*sarama.ProducerMessage{{Topic: topic, Headers: headers}}, nil)
		found := read(ctx, topic, 0, 0, 1)[0].Headers
		Equal([]sarama.RecordHeader{*found[0], *found[1], *found[2]}, headers, "headers")
	})
	Run("nulls/key-and-value", func(ctx context.Context) {
		topic := create("nulls", 1, nil)
		produce([]*sarama.ProducerMessage{{Topic: topic, Value: sarama.StringEncoder("v")}, {Topic: topic, Key: sarama.StringEncoder("k")}}, nil)
		found := read(ctx, topic, 0, 0, 2)
		Equal([2]bool{found[0].Key == nil, found[1].Value == nil}, [2]bool{true, true}, "null")
	})
	Run("large/1MB", func(ctx context.Context) {
		topic := create("large", 1, nil)
		sent := &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(Big())}
		produce([]*sarama.ProducerMessage{sent}, nil)
		Equal(string(read(ctx, topic, 0, 0, 1)[0].Value) == string(Big()), true, "the value is whole")
	})
	Run("idempotence/producer", func(ctx context.Context) {
		topic := create("idempotence", 1, nil)
		produce(messages(topic, Numbers(0, 500), 1), func(c *sarama.Config) {
			c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
			c.Producer.Flush.MaxMessages = 20
		})
		found := read(ctx, topic, 0, 0, 500)
		Equal(values(found), Numbers(0, 500), "values")
		Equal(found[499].Offset, 499, "last offset")
	})
	administration()
}

func administration() {
	partitions := func(topic string) int {
		return len(Must(admin.DescribeTopics([]string{topic}))[0].Partitions)
	}
	Run("topics/create", func(ctx context.Context) {
		topic := create("admin", 2, map[string]*string{"retention.ms": text("60000")})
		Equal(partitions(topic), 2, "partitions")
		again := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
		Equal(errors.Is(again, sarama.ErrTopicAlreadyExists), true, "the second creation is refused")
	})
	Run("topics/grow", func(ctx context.Context) {
		topic := create("grow", 1, nil)
		Check(admin.CreatePartitions(topic, 4, nil, false))
		Equal(partitions(topic), 4, "partitions")
	})
	Run("topics/delete", func(ctx context.Context) {
		topic := create("gone", 1, nil)
		Check(admin.DeleteTopic(topic))
		_, listed := Must(admin.ListTopics())[topic]
		Equal(listed, false, "listed")
	})
	value := func(topic, key string) string {
		entries := Must(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}))
		for _, entry := range entries {
			if entry.Name == key {
				return entry.Value
			}
		}
		return "not there"
	}
	Run("configs/describe", func(ctx context.Context) {
		topic := create("configs", 1, map[string]*string{"retention.ms": text("60000")})
		Equal(value(topic, "retention.ms"), "60000", "retention.ms")
	})
	Run("configs/alter-all", func(ctx context.Context) {
		topic := create("alter", 1, map[string]*string{"segment.bytes": text("1048576")})
		Check(admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": text("70000")}, false))
		// Kafka's configs take a moment to arrive, as in each driver that asks again and again.
		both := func() []string { return []string{value(topic, "retention.ms"), value(topic, "segment.bytes")} }
		Until(ctx, both, []string{"70000", "1073741824"}, "configs")
	})
	Run("configs/incremental", func(ctx context.Context) {
		topic := create("incremental", 1, map[string]*string{"segment.bytes": text("1048576")})
		edits := map[string]sarama.IncrementalAlterConfigsEntry{
			"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: text("70000")}}
		Check(admin.IncrementalAlterConfig(sarama.TopicResource, topic, edits, false))
		both := func() []string { return []string{value(topic, "retention.ms"), value(topic, "segment.bytes")} }
		Until(ctx, both, []string{"70000", "1048576"}, "configs")
	})
	Run("delete-records/before", func(ctx context.Context) {
		topic := create("delete-records", 1, nil)
		produce(messages(topic, Numbers(0, 50), 1), nil)
		Check(admin.DeleteRecords(topic, map[int32]int64{0: 20}))
		Equal(read(ctx, topic, 0, sarama.OffsetOldest, 30)[0].Offset, 20, "first offset")
	})
	Run("groups/administration", func(ctx context.Context) {
		topic, group := create("groups", 1, nil), Topic("groups")
		produce(messages(topic, Numbers(0, 50), 1), nil)
		var seen sync.Map
		member := join(group, topic, &seen, all)
		Until(ctx, func() int { return size(&seen) }, 50, "read")
		described := Must(admin.DescribeConsumerGroups([]string{group}))[0]
		Equal([]any{described.State, len(described.Members)}, []any{"Stable", 1}, "group")
		Check(member.group.Close())
		offsets := Must(admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}}))
		Equal(offsets.GetBlock(topic, 0).Offset, 50, "committed")
		Check(admin.DeleteConsumerGroupOffset(group, topic, 0))
		Check(admin.DeleteConsumerGroup(group))
		_, listed := Must(admin.ListConsumerGroups())[group]
		Equal(listed, false, "listed after its deletion")
	})
	Run("admin/log-dirs", func(ctx context.Context) {
		_, controller := Must2(admin.DescribeCluster())
		dirs := Must(admin.DescribeLogDirs([]int32{controller}))
		Equal(len(dirs[controller]) > 0, true, "log directories")
	})
}

// Must2 unwraps two values that came without an error.
func Must2[A, B any](a A, b B, err error) (A, B) {
	Check(err)
	return a, b
}
