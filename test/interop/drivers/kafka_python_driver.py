"""kafka-python, written in Python alone. Serves its versions 2.0 and 3.x, whose admin clients differ."""

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from cases import BOOTSTRAP, Lacks, case, equal, needs, topic_name, until

SOME = [{"key": b"k%d" % i, "value": b"value %d" % i} for i in range(50)]
MAJOR = int(kafka.__version__.split(".")[0])
admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def create(name, partitions=1, config=None):
    topic = topic_name(name)
    admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
    return topic


def produce(topic, messages, **config):
    """Sends and waits. Returns the offsets in the order of sending."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5, **config)
    sent = [producer.send(topic, **message) for message in messages]
    offsets = [future.get(30).offset for future in sent]
    producer.close(10)
    return offsets


def consumer(group=None, *topics, **config):
    return KafkaConsumer(
        *topics,
        bootstrap_servers=BOOTSTRAP,
        group_id=group and topic_name(group),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10000,
        heartbeat_interval_ms=500,
        **config,
    )


def poll(reader, into):
    for messages in reader.poll(timeout_ms=200).values():
        into.extend(messages)
    return len(into)


def take(reader, count):
    messages = []
    until(lambda: poll(reader, messages), lambda n: n >= count, "messages read", pause=0)
    return messages


def read(topic, count, partitions=1):
    reader = consumer()
    reader.assign([TopicPartition(topic, p) for p in range(partitions)])
    reader.seek_to_beginning()
    try:
        return take(reader, count)
    finally:
        reader.close()


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:

    @case(f"codecs/{codec}")
    def _():
        topic = create(f"codec-{codec}")
        produce(topic, SOME, compression_type=None if codec == "none" else codec)
        equal([m.value for m in read(topic, 50)], [m["value"] for m in SOME])


for acks in [0, 1, "all"]:

    @case(f"acks/{acks}")
    def _():
        topic = create(f"acks-{acks}")
        produce(topic, SOME, acks=acks, **({"enable_idempotence": False} if MAJOR > 2 and acks != "all" else {}))
        equal(len(read(topic, 50)), 50)


@case("beginning/all-partitions")
def _():
    topic = create("beginning", 3)
    produce(topic, [{"partition": i % 3, "value": b"%d" % i} for i in range(300)])
    messages = read(topic, 300, 3)
    for p in range(3):
        equal([int(m.value) for m in messages if m.partition == p], list(range(p, 300, 3)), f"partition {p}")


@case("group/two-members-one-leaves")
def _():
    topic = create("group", 4)
    seen = []
    one, two = consumer("group", topic), consumer("group", topic)

    def sizes(*readers):
        for reader in readers:
            poll(reader, seen)
        return sorted(len(reader.assignment()) for reader in readers)

    def values(*readers):
        sizes(*readers)
        return len({m.value for m in seen})

    # A poll waits for the whole rebalance, so the two cannot join from one thread while both must.
    until(lambda: sizes(one), lambda n: n == [4], "partitions of the first", pause=0)
    import threading

    joins = threading.Thread(target=lambda: until(lambda: sizes(two), lambda n: n == [2], "the second", pause=0))
    joins.start()
    until(lambda: sizes(one), lambda n: n == [2] and not joins.is_alive(), "partitions of the two", pause=0)
    joins.join()
    produce(topic, [{"partition": i % 4, "value": b"%d" % i} for i in range(40)])
    until(lambda: values(one, two), lambda n: n == 40, "values seen by both", pause=0)
    one.commit()
    one.close()
    until(lambda: sizes(two), lambda n: n == [4], "partitions of the one that stays", pause=0)
    produce(topic, [{"partition": i % 4, "value": b"%d" % i} for i in range(40, 80)])
    until(lambda: values(two), lambda n: n == 80, "values seen after one left", pause=0)
    two.close()


def committed(topic, offset):
    return {TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1) if MAJOR > 2 else OffsetAndMetadata(offset, "")}


@case("commit/resume")
def _():
    topic = create("commit")
    produce(topic, [{"value": b"%d" % i} for i in range(20)])
    first = consumer("commit", topic)
    take(first, 1)
    first.commit(committed(topic, 10))
    equal(first.committed(TopicPartition(topic, 0)), 10, "committed")
    first.close()
    second = consumer("commit", topic)
    equal(take(second, 10)[0].value, b"10", "first value after the commit")
    second.close()


@case("time/offsets-for-times")
def _():
    topic = create("time")
    base = 1_700_000_000_000
    produce(topic, [{"value": b"%d" % i, "timestamp_ms": base + i * 1000} for i in range(10)])
    reader, partition = consumer(), TopicPartition(topic, 0)
    found = reader.offsets_for_times({partition: base + 4500})[partition]
    equal((found.offset, found.timestamp), (5, base + 5000))
    equal(reader.offsets_for_times({partition: base + 3_600_000})[partition], None, "after the last")
    equal((reader.beginning_offsets([partition]), reader.end_offsets([partition])), ({partition: 0}, {partition: 10}))
    reader.close()


@case("headers/repeated")
def _():
    topic = create("headers")
    headers = [("a", b"1"), ("a", b"2"), ("empty", b"")]
    produce(topic, [{"value": b"x", "headers": headers}])
    equal(list(read(topic, 1)[0].headers), headers)


@case("nulls/key-and-value")
def _():
    topic = create("nulls")
    produce(topic, [{"key": None, "value": b"v"}, {"key": b"k", "value": None}, {"key": b"", "value": b""}])
    equal([(m.key, m.value) for m in read(topic, 3)], [(None, b"v"), (b"k", None), (b"", b"")])


@case("large/1MB")
def _():
    topic = create("large")
    big = bytes(range(250)) * 4000
    produce(topic, [{"value": big}] * 3)
    equal([m.value == big for m in read(topic, 3)], [True] * 3)


@case("idempotence/producer")
def _():
    if MAJOR < 3:
        raise Lacks("no idempotent producer")
    topic = create("idempotence")
    offsets = produce(topic, [{"value": b"%d" % i} for i in range(500)], enable_idempotence=True, batch_size=200)
    equal(offsets, list(range(500)), "offsets")
    equal([int(m.value) for m in read(topic, 500)], list(range(500)))


def partitions_of(topic):
    [one] = admin.describe_topics([topic])
    return len(one["partitions"])


@case("topics/create")
def _():
    topic = create("admin", 2, {"retention.ms": "60000"})
    until(admin.list_topics, lambda topics: topic in topics, "topics")
    equal(partitions_of(topic), 2, "partitions")
    try:
        create("admin")
        raise AssertionError("made twice")
    except TopicAlreadyExistsError:
        pass


@case("topics/grow")
def _():
    topic = create("grow")
    admin.create_partitions({topic: NewPartitions(4)})
    equal(partitions_of(topic), 4, "partitions")


@case("topics/delete")
def _():
    topic = create("gone")
    admin.delete_topics([topic])
    until(admin.list_topics, lambda topics: topic not in topics, "topics")


def topic_config(topic):
    """Values by key."""
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    if MAJOR < 3:
        return {entry[0]: entry[1] for entry in answer[0].resources[0][4]}
    [entries] = answer["topic"].values() if "topic" in answer else answer.values()
    return {key: entry["value"] for key, entry in entries.items()}


@case("configs/describe")
def _():
    topic = create("configs", 1, {"retention.ms": "60000"})
    equal(topic_config(topic)["retention.ms"], "60000")


@case("configs/alter")
def _():
    topic = create("alter", 1, {"retention.ms": "60000"})
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "70000"})])
    equal(topic_config(topic)["retention.ms"], "70000")


@case("delete-records/before")
def _():
    needs(admin, "delete_records")
    topic = create("delete-records")
    produce(topic, SOME)
    admin.delete_records({TopicPartition(topic, 0): 20})
    equal(read(topic, 30)[0].offset, 20, "first offset")


@case("groups/administration")
def _():
    topic, group = create("groups"), topic_name("groups")
    produce(topic, SOME)
    member = consumer("groups", topic)
    take(member, 50)
    member.commit()
    if MAJOR < 3:
        listed, describe, offsets = admin.list_consumer_groups, admin.describe_consumer_groups, admin.list_consumer_group_offsets
        equal((group, "consumer") in listed(), True, "listed")
        equal([(one.state, len(one.members)) for one in describe([group])], [("Stable", 1)])
        member.close()
        equal([o.offset for o in offsets(group).values()], [50], "offsets")
        admin.delete_consumer_groups([group])
        equal((group, "consumer") in listed(), False, "listed after its deletion")
    else:
        names = lambda: [one["group_id"] for one in admin.list_groups()]
        equal(group in names(), True, "listed")
        described = admin.describe_groups([group])[group]
        equal((described["group_state"], len(described["members"])), ("Stable", 1))
        member.close()
        [offsets] = admin.list_group_offsets(group).values()
        equal([o.offset for o in offsets.values()], [50], "offsets")
        admin.delete_groups([group])
        equal(group in names(), False, "listed after its deletion")
