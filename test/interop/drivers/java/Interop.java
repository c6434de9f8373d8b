import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producer, classic consumer and admin client of Apache Kafka. Compiles against 2.8 and 4.x alike. */
public final class Interop {
    static final Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", Cases.BOOTSTRAP));

    static String create(String name, int partitions, Map<String, String> configs) throws Exception {
        String topic = Cases.name(name);
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
        return topic;
    }

    static String create(String name, int partitions) throws Exception {
        return create(name, partitions, Map.of());
    }

    /** Sends and waits. Returns the offsets in the order of sending. */
    static List<Long> produce(List<ProducerRecord<byte[], byte[]>> records, Map<String, Object> config) throws Exception {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", Cases.BOOTSTRAP, "linger.ms", 5));
        all.putAll(config);
        List<Long> offsets = new ArrayList<>();
        try (var producer = new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = records.stream().map(producer::send).collect(Collectors.toList());
            for (Future<RecordMetadata> one : sent) offsets.add(one.get().offset());
        }
        return offsets;
    }

    static List<ProducerRecord<byte[], byte[]>> numbers(String topic, int from, int count, int partitions) {
        return IntStream.range(from, from + count)
            .mapToObj(i -> new ProducerRecord<byte[], byte[]>(topic, i % partitions, null, bytes("" + i)))
            .collect(Collectors.toList());
    }

    static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    static KafkaConsumer<byte[], byte[]> consumer(String group) {
        Map<String, Object> config = Map.of("bootstrap.servers", Cases.BOOTSTRAP, "group.id", Cases.name(group),
            "auto.offset.reset", "earliest", "enable.auto.commit", false, "session.timeout.ms", 10000, "heartbeat.interval.ms", 500);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static List<ConsumerRecord<byte[], byte[]>> take(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> taken = new ArrayList<>();
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (taken.size() < count) {
            consumer.poll(Duration.ofMillis(200)).forEach(taken::add);
            if (System.nanoTime() > deadline) Cases.equal(taken.size(), count, "records read");
        }
        return taken;
    }

    static List<ConsumerRecord<byte[], byte[]>> read(String topic, int count, int partitions) {
        try (var consumer = consumer("reader")) {
            consumer.assign(IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).collect(Collectors.toList()));
            consumer.seekToBeginning(consumer.assignment());
            return take(consumer, count);
        }
    }

    static List<Integer> values(Collection<ConsumerRecord<byte[], byte[]>> records) {
        return records.stream().map(r -> Integer.parseInt(new String(r.value(), UTF_8))).collect(Collectors.toList());
    }

    static List<Integer> range(int from, int end) {
        return IntStream.range(from, end).boxed().collect(Collectors.toList());
    }

    static String config(ConfigResource.Type type, String name, String key) {
        ConfigResource resource = new ConfigResource(type, name);
        try {
            Map<ConfigResource, Config> described = admin.describeConfigs(List.of(resource)).all().get();
            return described.get(resource).get(key).value();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    static void group() throws Exception {
        String topic = create("group", 4);
        Set<Integer> seen = new HashSet<>();
        try (var two = consumer("group")) {
            try (var one = consumer("group")) {
                one.subscribe(List.of(topic));
                two.subscribe(List.of(topic));
                Cases.until(() -> List.of(polled(one, seen), polled(two, seen)), List.of(2, 2), "partitions of the two");
                produce(numbers(topic, 0, 40, 4), Map.of());
                Cases.until(() -> polled(one, seen) * 0 + polled(two, seen) * 0 + seen.size(), 40, "values seen by both");
                one.commitSync();
            }
            Cases.until(() -> polled(two, seen), 4, "partitions of the one that stays");
            produce(numbers(topic, 40, 40, 4), Map.of());
            Cases.until(() -> polled(two, seen) * 0 + seen.size(), 80, "values seen after one left");
        }
    }

    /** Polls once, keeps the values. Returns how many partitions the consumer has. */
    static int polled(KafkaConsumer<byte[], byte[]> consumer, Set<Integer> seen) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        consumer.poll(Duration.ofMillis(50)).forEach(records::add);
        seen.addAll(values(records));
        return consumer.assignment().size();
    }

    static void commit() throws Exception {
        String topic = create("commit", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        produce(numbers(topic, 0, 20, 1), Map.of());
        try (var first = consumer("commit")) {
            first.subscribe(List.of(topic));
            take(first, 1);
            first.commitSync(Map.of(partition, new OffsetAndMetadata(10, "half")));
            Cases.equal(first.committed(Set.of(partition)).get(partition), new OffsetAndMetadata(10, "half"), "committed");
        }
        try (var second = consumer("commit")) {
            second.subscribe(List.of(topic));
            Cases.equal(values(take(second, 10)).get(0), 10, "first value after the commit");
        }
    }

    static void time() throws Exception {
        String topic = create("time", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        long base = 1_700_000_000_000L;
        produce(IntStream.range(0, 10)
            .mapToObj(i -> new ProducerRecord<byte[], byte[]>(topic, 0, base + i * 1000, null, bytes("" + i)))
            .collect(Collectors.toList()), Map.of());
        try (var reader = consumer("reader")) {
            OffsetAndTimestamp found = reader.offsetsForTimes(Map.of(partition, base + 4500)).get(partition);
            Cases.equal(List.of(found.offset(), found.timestamp()), List.of(5L, base + 5000), "offset by time");
            Cases.equal(reader.offsetsForTimes(Map.of(partition, base + 3_600_000)).get(partition), null, "after the last");
            Cases.equal(reader.endOffsets(List.of(partition)).get(partition), 10L, "end");
        }
        Cases.equal(admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).all().get().get(partition).offset(), 0L, "start");
    }

    static void nulls() throws Exception {
        String topic = create("nulls", 1);
        produce(List.of(new ProducerRecord<>(topic, null, bytes("v")), new ProducerRecord<>(topic, bytes("k"), null),
            new ProducerRecord<>(topic, bytes(""), bytes(""))), Map.of());
        var found = read(topic, 3, 1);
        Cases.equal(List.of(found.get(0).key() == null, found.get(1).value() == null), List.of(true, true), "null");
        Cases.equal(List.of(found.get(2).key().length, found.get(2).value().length), List.of(0, 0), "empty");
    }

    static void headers() throws Exception {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(create("headers", 1), bytes("x"));
        record.headers().add("a", bytes("1")).add("a", bytes("2")).add("null", null);
        produce(List.of(record), Map.of());
        Cases.equal(read(record.topic(), 1, 1).get(0).headers(), record.headers(), "headers");
    }

    static void large() throws Exception {
        String topic = create("large", 1);
        byte[] big = new byte[1_000_000];
        for (int i = 0; i < big.length; i++) big[i] = (byte) (i % 251);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, big);
        produce(List.of(record, record, record), Map.of());
        for (var found : read(topic, 3, 1)) Cases.equal(java.util.Arrays.equals(found.value(), big), true, "the value is whole");
    }

    static void groups() throws Exception {
        String topic = create("groups", 1), group = Cases.name("groups");
        TopicPartition partition = new TopicPartition(topic, 0);
        produce(numbers(topic, 0, 50, 1), Map.of());
        try (var member = consumer("groups")) {
            member.subscribe(List.of(topic));
            take(member, 50);
            member.commitSync();
            ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            Cases.equal(described.members().size(), 1, "members");
        }
        Cases.equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset(), 50L, "committed");
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(7))).all().get();
        Cases.equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset(), 7L, "altered");
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        admin.deleteConsumerGroups(List.of(group)).all().get();
        boolean listed = admin.listConsumerGroups().all().get().stream().anyMatch(one -> one.groupId().equals(group));
        Cases.equal(listed, false, "listed after its deletion");
    }

    static int partitions(String topic) {
        try (var reader = consumer("reader")) {
            return reader.partitionsFor(topic).size();
        }
    }

    static boolean exists(String topic) {
        try {
            return admin.listTopics().names().get().contains(topic);
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    static void administration() {
        Cases.run("topics/create", () -> {
            String topic = create("admin", 2, Map.of("retention.ms", "60000"));
            Cases.until(() -> exists(topic), true, "listed");
            Cases.equal(partitions(topic), 2, "partitions");
            try {
                create("admin", 1);
                throw new AssertionError("made twice");
            } catch (ExecutionException error) {
                Cases.equal(error.getCause().getClass(), TopicExistsException.class, "error");
            }
        });
        Cases.run("topics/grow", () -> {
            String topic = create("grow", 1);
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
            Cases.until(() -> partitions(topic), 4, "partitions");
        });
        Cases.run("topics/delete", () -> {
            String topic = create("gone", 1);
            admin.deleteTopics(List.of(topic)).all().get();
            Cases.until(() -> exists(topic), false, "listed");
        });
        Cases.run("configs/describe", () -> {
            String topic = create("configs", 1, Map.of("retention.ms", "60000"));
            Cases.until(() -> config(ConfigResource.Type.TOPIC, topic, "retention.ms"), "60000", "retention.ms");
            Node node = admin.describeCluster().nodes().get().iterator().next();
            Cases.equal(config(ConfigResource.Type.BROKER, node.idString(), "log.retention.hours"), "168", "log.retention.hours");
        });
        Cases.run("configs/incremental", () -> {
            String topic = create("alter", 1, Map.of("segment.bytes", "1048576"));
            var edits = List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "70000"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("segment.bytes", ""), AlterConfigOp.OpType.DELETE));
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), edits)).all().get();
            Cases.until(() -> config(ConfigResource.Type.TOPIC, topic, "retention.ms"), "70000", "retention.ms");
            Cases.until(() -> config(ConfigResource.Type.TOPIC, topic, "segment.bytes"), "1073741824", "segment.bytes");
        });
        Cases.run("delete-records/before", () -> {
            String topic = create("delete-records", 1);
            produce(numbers(topic, 0, 50, 1), Map.of());
            TopicPartition partition = new TopicPartition(topic, 0);
            var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(20)));
            Cases.equal(deleted.lowWatermarks().get(partition).get().lowWatermark(), 20L, "low watermark");
            Cases.equal(read(topic, 30, 1).get(0).offset(), 20L, "first offset");
        });
        Cases.run("groups/administration", Interop::groups);
    }

    public static void main(String[] args) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            Cases.run("codecs/" + codec, () -> {
                String topic = create("codec-" + codec, 1);
                produce(numbers(topic, 0, 50, 1), Map.of("compression.type", codec));
                Cases.equal(values(read(topic, 50, 1)), range(0, 50), "values");
            });
        }
        for (String acks : List.of("0", "1", "all")) {
            Cases.run("acks/" + acks, () -> {
                String topic = create("acks-" + acks, 1);
                produce(numbers(topic, 0, 50, 1), Map.of("acks", acks, "enable.idempotence", false));
                Cases.equal(read(topic, 50, 1).size(), 50, "records");
            });
        }
        Cases.run("beginning/all-partitions", () -> {
            String topic = create("beginning", 3);
            produce(numbers(topic, 0, 300, 3), Map.of());
            int[] next = {0, 1, 2};
            for (var record : read(topic, 300, 3)) {
                Cases.equal(values(List.of(record)), List.of(next[record.partition()]), "value");
                next[record.partition()] += 3;
            }
        });
        Cases.run("group/two-members-one-leaves", Interop::group);
        Cases.run("commit/resume", Interop::commit);
        Cases.run("time/offsets-for-times", Interop::time);
        Cases.run("headers/repeated-and-null", Interop::headers);
        Cases.run("nulls/key-and-value", Interop::nulls);
        Cases.run("large/1MB", Interop::large);
        Cases.run("idempotence/producer", () -> {
            String topic = create("idempotence", 1);
            Map<String, Object> config = Map.of("enable.idempotence", true, "acks", "all", "batch.size", 200);
            List<Long> offsets = produce(numbers(topic, 0, 500, 1), config);
            Cases.equal(offsets.stream().map(Long::intValue).collect(Collectors.toList()), range(0, 500), "offsets");
            Cases.equal(values(read(topic, 500, 1)), range(0, 500), "values");
        });
        administration();
        admin.close();
    }
}
