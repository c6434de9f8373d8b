"""confluent-kafka for Python: librdkafka. Serves its versions 1.7 and 2.x."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from cases import BOOTSTRAP, case, equal, needs, topic_name, until

SOME = [{"key": f"k{i}", "value": f"value {i}"} for i in range(50)]
admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def create(name, partitions=1, config=None):
    topic = topic_name(name)
    done(admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})]))
    return topic


def done(futures):
    return {key: future.result(20) for key, future in futures.items()}


def produce(topic, messages, **config):
    """Sends and waits. Returns the offsets in the order of their delivery."""
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 5, **dotted(config)})
    offsets, errors = [], []
    for message in messages:
        producer.produce(topic, **message, on_delivery=lambda e, m: errors.append(e) if e else offsets.append(m.offset()))
    equal(producer.flush(20), 0, "undelivered")
    equal(errors, [], "delivery errors")
    return offsets


def dotted(config):
    return {key.replace("_", "."): value for key, value in config.items()}


def consumer(group="reader", **config):
    defaults = {"bootstrap.servers": BOOTSTRAP, "group.id": topic_name(group), "auto.offset.reset": "earliest"}
    return Consumer({**defaults, "enable.auto.commit": False, "session.timeout.ms": 10000, **dotted(config)})


def take(reader, count):
    messages = []

    def poll():
        message = reader.poll(0.2)
        if message is not None:
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
        return len(messages)

    until(poll, lambda n: n >= count, "messages read", pause=0)
    return messages


def read(topic, count, partitions=1, offset=OFFSET_BEGINNING):
    reader = consumer()
    reader.assign([TopicPartition(topic, p, offset) for p in range(partitions)])
    try:
        return take(reader, count)
    finally:
        reader.close()


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:

    @case(f"codecs/{codec}")
    def _():
        topic = create(f"codec-{codec}")
        produce(topic, SOME, compression_type=codec)
        equal([m.value().decode() for m in read(topic, 50)], [m["value"] for m in SOME])


for acks in ["0", "1", "all"]:

    @case(f"acks/{acks}")
    def _():
        topic = create(f"acks-{acks}")
        produce(topic, SOME, acks=acks)
        equal(len(read(topic, 50)), 50)


@case("beginning/all-partitions")
def _():
    topic = create("beginning", 3)
    produce(topic, [{"partition": i % 3, "value": str(i)} for i in range(300)])
    messages = read(topic, 300, 3)
    for p in range(3):
        equal([int(m.value()) for m in messages if m.partition() == p], list(range(p, 300, 3)), f"partition {p}")


@case("group/two-members-one-leaves")
def _():
    topic = create("group", 4)
    one, two = consumer("group"), consumer("group")
    seen = []

    def poll(*readers):
        for reader in readers:
            message = reader.poll(0.05)
            if message is not None and not message.error():
                seen.append(message.value().decode())

    def sizes(*readers):
        poll(*readers)
        return sorted(len(reader.assignment()) for reader in readers)

    one.subscribe([topic])
    two.subscribe([topic])
    until(lambda: sizes(one, two), lambda n: n == [2, 2], "partitions of the two")
    produce(topic, [{"partition": i % 4, "value": str(i)} for i in range(40)])
    until(lambda: poll(one, two) or len(set(seen)), lambda n: n == 40, "values seen by both", pause=0)
    one.commit(asynchronous=False)
    one.close()
    until(lambda: sizes(two), lambda n: n == [4], "partitions of the one that stays")
    produce(topic, [{"partition": i % 4, "value": str(i)} for i in range(40, 80)])
    until(lambda: poll(two) or len(set(seen)), lambda n: n == 80, "values seen after one left", pause=0)
    two.close()


@case("commit/resume")
def _():
    topic = create("commit")
    produce(topic, [{"value": str(i)} for i in range(20)])
    first = consumer("commit")
    first.subscribe([topic])
    take(first, 1)
    first.commit(offsets=[TopicPartition(topic, 0, 10)], asynchronous=False)
    equal(first.committed([TopicPartition(topic, 0)], timeout=10)[0].offset, 10, "committed")
    first.close()
    second = consumer("commit")
    second.subscribe([topic])
    equal(int(take(second, 10)[0].value()), 10, "first value after the commit")
    second.close()


@case("time/offsets-for-times")
def _():
    topic = create("time")
    base = 1_700_000_000_000
    produce(topic, [{"value": str(i), "timestamp": base + i * 1000} for i in range(10)])
    reader = consumer()
    asked = [TopicPartition(topic, 0, base + 4500)]
    equal(reader.offsets_for_times(asked, timeout=10)[0].offset, 5, "offset by time")
    later = reader.offsets_for_times([TopicPartition(topic, 0, base + 3_600_000)], timeout=10)[0].offset
    equal(later, -1, "offset after the last")  # OFFSET_END
    reader.close()


@case("headers/repeated-and-null")
def _():
    topic = create("headers")
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None)]
    produce(topic, [{"value": "x", "headers": headers}])
    equal(read(topic, 1)[0].headers(), headers)


@case("nulls/key-and-value")
def _():
    topic = create("nulls")
    produce(topic, [{"key": None, "value": "v"}, {"key": "k", "value": None}, {"key": "", "value": ""}])
    found = [(m.key(), m.value()) for m in read(topic, 3)]
    equal(found, [(None, b"v"), (b"k", None), (b"", b"")])


@case("large/1MB")
def _():
    topic = create("large")
    big = bytes(range(250)) * 4000
    produce(topic, [{"value": big}] * 3, message_max_bytes=1_000_500)
    equal([m.value() == big for m in read(topic, 3)], [True] * 3)


@case("idempotence/producer")
def _():
    topic = create("idempotence")
    messages = [{"value": str(i)} for i in range(500)]
    offsets = produce(topic, messages, enable_idempotence=True, batch_num_messages=10)
    equal(offsets, list(range(500)), "offsets")
    equal([int(m.value()) for m in read(topic, 500)], list(range(500)))


@case("topics/create")
def _():
    topic = create("admin", 2, {"retention.ms": "60000"})
    until(lambda: admin.list_topics(timeout=10).topics, lambda t: topic in t, "topics")
    equal(len(admin.list_topics(topic, timeout=10).topics[topic].partitions), 2, "partitions")
    try:
        create("admin")
        raise AssertionError("made twice")
    except KafkaException as error:
        equal(error.args[0].name(), "TOPIC_ALREADY_EXISTS")


@case("topics/grow")
def _():
    topic = create("grow", 1)
    done(admin.create_partitions([NewPartitions(topic, 4)]))
    equal(len(admin.list_topics(topic, timeout=10).topics[topic].partitions), 4, "partitions")


@case("topics/delete")
def _():
    topic = create("gone", 1)
    done(admin.delete_topics([topic]))
    until(lambda: admin.list_topics(timeout=10).topics, lambda t: topic not in t, "topics")


def topic_config(topic, key):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return done(admin.describe_configs([resource]))[resource][key]


@case("configs/describe")
def _():
    topic = create("configs", 1, {"retention.ms": "60000"})
    entry = topic_config(topic, "retention.ms")
    equal((entry.value, entry.is_default), ("60000", False))
    equal(topic_config(topic, "segment.bytes").is_default, True)
    [broker] = admin.list_topics(timeout=10).brokers
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    equal("log.retention.hours" in done(admin.describe_configs([resource]))[resource], True)


@case("configs/alter")
def _():
    topic = create("alter", 1, {"segment.bytes": "1048576"})
    done(admin.alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, {"retention.ms": "70000"})]))
    equal((topic_config(topic, "retention.ms").value, topic_config(topic, "segment.bytes").is_default), ("70000", True))


@case("configs/incremental")
def _():
    needs(admin, "incremental_alter_configs")
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry

    topic = create("incremental", 1, {"segment.bytes": "1048576"})
    entry = ConfigEntry("retention.ms", "80000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    done(admin.incremental_alter_configs([resource]))
    equal((topic_config(topic, "retention.ms").value, topic_config(topic, "segment.bytes").value), ("80000", "1048576"))


@case("delete-records/before")
def _():
    needs(admin, "delete_records")
    topic = create("delete-records")
    produce(topic, SOME)
    done(admin.delete_records([TopicPartition(topic, 0, 20)]))
    equal(read(topic, 30)[0].offset(), 20, "first offset")


@case("groups/administration")
def _():
    needs(admin, "delete_consumer_groups")
    from confluent_kafka import ConsumerGroupTopicPartitions

    topic, group = create("groups"), topic_name("groups")
    produce(topic, SOME)
    member = consumer("groups")
    member.subscribe([topic])
    take(member, 50)
    member.commit(asynchronous=False)
    listed = admin.list_consumer_groups().result(20).valid
    equal(group in [one.group_id for one in listed], True, "listed")
    described = done(admin.describe_consumer_groups([group]))[group]
    equal((described.state.name, len(described.members)), ("STABLE", 1))
    member.close()
    offsets = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    equal([p.offset for p in offsets.topic_partitions], [50], "offsets")
    done(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 7)])]))
    done(admin.delete_consumer_groups([group]))
    listed = admin.list_consumer_groups().result(20).valid
    equal(group in [one.group_id for one in listed], False, "listed after its deletion")
