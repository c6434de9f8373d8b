// segmentio/kafka-go: speaks the oldest versions of all clients in use.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "odradek.test/interop/cases"

	"github.com/segmentio/kafka-go"
)

var client = &kafka.Client{Addr: kafka.TCP(Bootstrap), Timeout: 20 * time.Second}

func create(ctx context.Context, name string, partitions int, configs ...kafka.ConfigEntry) string {
	topic := Topic(name)
	Check(createError(ctx, topic, partitions, configs...))
	return topic
}

func createError(ctx context.Context, topic string, partitions int, configs ...kafka.ConfigEntry) error {
	request := &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}}}
	return Must(client.CreateTopics(ctx, request)).Errors[topic]
}

func messages(values []string) []kafka.Message {
	made := make([]kafka.Message, len(values))
	for i, value := range values {
		made[i] = kafka.Message{Value: []byte(value)}
	}
	return made
}

func produce(ctx context.Context, topic string, sent []kafka.Message, edit func(*kafka.Writer)) {
	writer := &kafka.Writer{Addr: kafka.TCP(Bootstrap), Topic: topic, Balancer: &kafka.RoundRobin{},
		BatchTimeout: 5 * time.Millisecond, BatchBytes: 1_040_000, RequiredAcks: kafka.RequireAll}
	if edit != nil {
		edit(writer)
	}
	defer writer.Close()
	Check(writer.WriteMessages(ctx, sent...))
}

// read takes count messages of one partition from the beginning.
func read(ctx context.Context, topic string, partition, count int) []kafka.Message {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{Bootstrap}, Topic: topic, Partition: partition,
		MaxBytes: 10_000_000, MaxWait: 200 * time.Millisecond})
	defer reader.Close()
	return take(ctx, reader, count)
}

func take(ctx context.Context, reader *kafka.Reader, count int) []kafka.Message {
	taken := make([]kafka.Message, count)
	for i := range taken {
		taken[i] = Must(reader.FetchMessage(ctx))
	}
	return taken
}

func values(messages []kafka.Message) []string {
	found := make([]string, len(messages))
	for i, message := range messages {
		found[i] = string(message.Value)
	}
	return found
}

func join(group, topic string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{Bootstrap}, GroupID: group, Topic: topic,
		StartOffset: kafka.FirstOffset, MaxWait: 200 * time.Millisecond, HeartbeatInterval: 300 * time.Millisecond})
}

// collect reads in the background and remembers who read what.
func collect(reader *kafka.Reader, who string, seen *sync.Map) {
	for {
		message, err := reader.ReadMessage(context.Background())
		if err != nil {
			return
		}
		seen.Store(string(message.Value), who)
	}
}

func readers(seen *sync.Map) (all int, each map[string]int) {
	each = map[string]int{}
	seen.Range(func(_, who any) bool { all++; each[who.(string)]++; return true })
	return
}

func size(seen *sync.Map) int {
	all, _ := readers(seen)
	return all
}

func members(ctx context.Context, group string) int {
	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil || described.Groups[0].GroupState != "Stable" {
		return 0
	}
	return len(described.Groups[0].Members)
}

func main() {
	for name, codec := range map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy,
		"lz4": kafka.Lz4, "zstd": kafka.Zstd} {
		Run("codecs/"+name, func(ctx context.Context) {
			topic := create(ctx, "codec-"+name, 1)
			produce(ctx, topic, messages(Numbers(0, 50)), func(w *kafka.Writer) { w.Compression = codec })
			Equal(values(read(ctx, topic, 0, 50)), Numbers(0, 50), "values")
		})
	}
	for name, acks := range map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll} {
		Run("acks/"+name, func(ctx context.Context) {
			topic := create(ctx, "acks-"+name, 1)
			produce(ctx, topic, messages(Numbers(0, 50)), func(w *kafka.Writer) { w.RequiredAcks = acks })
			Equal(len(read(ctx, topic, 0, 50)), 50, "messages")
		})
	}
	Run("beginning/all-partitions", func(ctx context.Context) {
		topic := create(ctx, "beginning", 3)
		produce(ctx, topic, messages(Numbers(0, 300)), nil)
		seen := map[string]bool{}
		for partition := range 3 {
			for _, value := range values(read(ctx, topic, partition, 100)) {
				seen[value] = true
			}
		}
		Equal(len(seen), 300, "different values")
	})
	Run("group/two-members-one-leaves", func(ctx context.Context) {
		topic, group := create(ctx, "group", 4), Topic("group")
		var seen sync.Map
		one, two := join(group, topic), join(group, topic)
		go collect(one, "one", &seen)
		go collect(two, "two", &seen)
		Until(ctx, func() int { return members(ctx, group) }, 2, "members")
		produce(ctx, topic, messages(Numbers(0, 40)), nil)
		Until(ctx, func() int { return size(&seen) }, 40, "values seen by both")
		_, each := readers(&seen)
		Equal(each, map[string]int{"one": 20, "two": 20}, "values by member")
		Check(one.Close())
		Until(ctx, func() int { return members(ctx, group) }, 1, "members after one left")
		produce(ctx, topic, messages(Numbers(40, 40)), nil)
		Until(ctx, func() int { return size(&seen) }, 80, "values seen after one left")
		Check(two.Close())
	})
	Run("commit/resume", func(ctx context.Context) {
		topic, group := create(ctx, "commit", 1), Topic("commit")
		produce(ctx, topic, messages(Numbers(0, 20)), nil)
		first := join(group, topic)
		Check(first.CommitMessages(ctx, take(ctx, first, 10)...))
		Check(first.Close())
		second := join(group, topic)
		defer second.Close()
		Equal(values(take(ctx, second, 1))[0], "10", "first value after the commit")
	})
	Run("time/list-offsets", func(ctx context.Context) {
		topic := create(ctx, "time", 1)
		base := time.UnixMilli(1_700_000_000_000)
		sent := messages(Numbers(0, 10))
		for i := range sent {
			sent[i].Time = base.Add(time.Duration(i) * time.Second)
		}
		produce(ctx, topic, sent, nil)
		asked := []kafka.OffsetRequest{kafka.TimeOffsetOf(0, base.Add(4500*time.Millisecond)), kafka.LastOffsetOf(0)}
		answer := Must(client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: asked}}))
		found := answer.Topics[topic][0]
		Check(found.Error)
		_, there := found.Offsets[5]
		Equal([]any{there, found.LastOffset}, []any{true, int64(10)}, "offset 5 by time, and the last")
	})
	Run("headers/repeated", func(ctx context.Context) {
		topic := create(ctx, "headers", 1)
		headers := []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}}
		produce(ctx, topic, []kafka.Message{{Value: []byte("x"), Headers: headers}}, nil)
		Equal(read(ctx, topic, 0, 1)[0].Headers, headers, "headers")
	})
	Run("nulls/key-and-value", func(ctx context.Context) {
		topic := create(ctx, "nulls", 1)
		produce(ctx, topic, []kafka.Message{{Value: []byte("v")}, {Key: []byte("k")}}, nil)
		found := read(ctx, topic, 0, 2)
		Equal([2]bool{found[0].Key == nil, found[1].Value == nil}, [2]bool{true, true}, "null")
	})
	Run("large/1MB", func(ctx context.Context) {
		topic := create(ctx, "large", 1)
		produce(ctx, topic, []kafka.Message{{Value: Big()}}, nil)
		Equal(string(read(ctx, topic, 0, 1)[0].Value) == string(Big()), true, "the value is whole")
	})
	Lacks("idempotence/producer", "its writer is not idempotent")
	administration()
}

func partitions(ctx context.Context, topic string) int {
	return len(Must(partitionsOrError(ctx, topic)))
}

// partitionsOrError asks over a connection of its own: the client answers from what it knew some seconds ago.
func partitionsOrError(ctx context.Context, topic string) ([]kafka.Partition, error) {
	connection := Must(kafka.DialContext(ctx, "tcp", Bootstrap))
	defer connection.Close()
	if topic == "" {
		return connection.ReadPartitions()
	}
	return connection.ReadPartitions(topic)
}

func administration() {
	Run("topics/create", func(ctx context.Context) {
		topic := create(ctx, "admin", 2, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "60000"})
		Equal(partitions(ctx, topic), 2, "partitions")
		Equal(errors.Is(createError(ctx, topic, 1), kafka.TopicAlreadyExists), true, "the second creation is refused")
	})
	Run("topics/grow", func(ctx context.Context) {
		topic := create(ctx, "grow", 1)
		request := &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 4}}}
		Check(Must(client.CreatePartitions(ctx, request)).Errors[topic])
		Equal(partitions(ctx, topic), 4, "partitions")
	})
	Run("topics/delete", func(ctx context.Context) {
		topic := create(ctx, "gone", 1)
		Check(Must(client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})).Errors[topic])
		for _, listed := range Must(partitionsOrError(ctx, "")) {
			Equal(listed.Topic != topic, true, "gone after its deletion")
		}
	})
	value := func(ctx context.Context, topic, key string) string {
		request := &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{key}}}}
		resource := Must(client.DescribeConfigs(ctx, request)).Resources[0]
		Check(resource.Error)
		return resource.ConfigEntries[0].ConfigValue
	}
	Run("configs/describe", func(ctx context.Context) {
		topic := create(ctx, "configs", 1, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "60000"})
		Equal(value(ctx, topic, "retention.ms"), "60000", "retention.ms")
	})
	Run("configs/alter-all", func(ctx context.Context) {
		topic := create(ctx, "alter", 1)
		request := &kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic,
			ResourceName: topic, Configs: []kafka.AlterConfigRequestConfig{{Name: "retention.ms", Value: "70000"}}}}}
		for _, err := range Must(client.AlterConfigs(ctx, request)).Errors {
			Check(err)
		}
		Equal(value(ctx, topic, "retention.ms"), "70000", "retention.ms")
	})
	Run("configs/incremental", func(ctx context.Context) {
		topic := create(ctx, "incremental", 1)
		request := &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.IncrementalAlterConfigsRequestConfig{
				{Name: "retention.ms", Value: "80000", ConfigOperation: kafka.ConfigOperationSet}}}}}
		for _, resource := range Must(client.IncrementalAlterConfigs(ctx, request)).Resources {
			Check(resource.Error)
		}
		Equal(value(ctx, topic, "retention.ms"), "80000", "retention.ms")
	})
	Lacks("delete-records/before", "no DeleteRecords")
	Run("groups/administration", func(ctx context.Context) {
		topic, group := create(ctx, "groups", 1), Topic("groups")
		produce(ctx, topic, messages(Numbers(0, 50)), nil)
		member := join(group, topic)
		Check(member.CommitMessages(ctx, take(ctx, member, 50)...))
		Equal(members(ctx, group), 1, "members")
		Check(member.Close())
		answer := Must(client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}}))
		Equal(answer.Topics[topic][0].CommittedOffset, 50, "committed")
		Check(Must(client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})).Errors[group])
		for _, listed := range Must(client.ListGroups(ctx, &kafka.ListGroupsRequest{})).Groups {
			Equal(listed.GroupID != group, true, fmt.Sprint(group, " is listed after its deletion"))
		}
	})
}
