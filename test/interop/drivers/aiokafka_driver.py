"""aiokafka: asyncio, its own protocol code for groups, producer and fetcher."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cases import BOOTSTRAP, case, equal, topic_name

SOME = [{"key": b"k%d" % i, "value": b"value %d" % i} for i in range(50)]


class Admin:
    """`async with Admin() as admin`"""

    async def __aenter__(self):
        self.client = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        await self.client.start()
        return self.client

    async def __aexit__(self, *_):
        await self.client.close()


async def create(name, partitions=1, config=None):
    topic = topic_name(name)
    async with Admin() as admin:
        answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
        equal(answer.topic_errors[0][:2], (topic, 0), "error")
    return topic


async def produce(topic, messages, **config):
    """Sends and waits. Returns the offsets in the order of sending."""
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5, **config) as producer:
        sent = [await producer.send(topic, **message) for message in messages]
        done = await asyncio.gather(*sent)
    return [one.offset for one in done if one is not None]


def consumer(group=None, *topics):
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=BOOTSTRAP,
        group_id=group and topic_name(group),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10000,
        heartbeat_interval_ms=500,
        metadata_max_age_ms=2000,
    )


async def take(reader, count):
    return [await asyncio.wait_for(reader.getone(), 20) for _ in range(count)]


async def read(topic, count, partitions=1):
    reader = consumer()
    await reader.start()
    reader.assign([TopicPartition(topic, p) for p in range(partitions)])
    await reader.seek_to_beginning()
    messages = await take(reader, count)
    await reader.stop()
    return messages


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:

    @case(f"codecs/{codec}")
    async def _():
        topic = await create(f"codec-{codec}")
        await produce(topic, SOME, compression_type=None if codec == "none" else codec)
        equal([m.value for m in await read(topic, 50)], [m["value"] for m in SOME])


for acks in [0, 1, "all"]:

    @case(f"acks/{acks}")
    async def _():
        topic = await create(f"acks-{acks}")
        await produce(topic, SOME, acks=acks)
        equal(len(await read(topic, 50)), 50)


@case("beginning/all-partitions")
async def _():
    topic = await create("beginning", 3)
    await produce(topic, [{"partition": i % 3, "value": b"%d" % i} for i in range(300)])
    messages = await read(topic, 300, 3)
    for p in range(3):
        equal([int(m.value) for m in messages if m.partition == p], list(range(p, 300, 3)), f"partition {p}")


async def until(read, wanted, what):
    async def wait():
        while read() != wanted:
            await asyncio.sleep(0.05)

    try:
        await asyncio.wait_for(wait(), 20)
    except asyncio.TimeoutError:
        equal(read(), wanted, what)


@case("group/two-members-one-leaves")
async def _():
    topic = await create("group", 4)
    one, two, seen = consumer("group", topic), consumer("group", topic), set()

    async def collect(reader):
        async for message in reader:
            seen.add(message.value)

    await asyncio.gather(one.start(), two.start())
    tasks = [asyncio.create_task(collect(reader)) for reader in (one, two)]
    await until(lambda: [len(one.assignment()), len(two.assignment())], [2, 2], "partitions of the two")
    await produce(topic, [{"partition": i % 4, "value": b"%d" % i} for i in range(40)])
    await until(lambda: len(seen), 40, "values seen by both")
    await one.commit()
    await one.stop()
    await until(lambda: len(two.assignment()), 4, "partitions of the one that stays")
    await produce(topic, [{"partition": i % 4, "value": b"%d" % i} for i in range(40, 80)])
    await until(lambda: len(seen), 80, "values seen after one left")
    await two.stop()
    await asyncio.gather(*tasks)


@case("commit/resume")
async def _():
    topic = await create("commit")
    await produce(topic, [{"value": b"%d" % i} for i in range(20)])
    first = consumer("commit", topic)
    await first.start()
    await take(first, 1)
    await first.commit({TopicPartition(topic, 0): 10})
    equal(await first.committed(TopicPartition(topic, 0)), 10, "committed")
    await first.stop()
    second = consumer("commit", topic)
    await second.start()
    equal((await take(second, 10))[0].value, b"10", "first value after the commit")
    await second.stop()


@case("time/offsets-for-times")
async def _():
    topic = await create("time")
    base = 1_700_000_000_000
    await produce(topic, [{"value": b"%d" % i, "timestamp_ms": base + i * 1000} for i in range(10)])
    reader, partition = consumer(), TopicPartition(topic, 0)
    await reader.start()
    found = (await reader.offsets_for_times({partition: base + 4500}))[partition]
    equal((found.offset, found.timestamp), (5, base + 5000))
    equal((await reader.offsets_for_times({partition: base + 3_600_000}))[partition], None, "after the last")
    equal(await reader.end_offsets([partition]), {partition: 10}, "end")
    await reader.stop()


@case("headers/repeated-and-null")
async def _():
    topic = await create("headers")
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None)]
    await produce(topic, [{"value": b"x", "headers": headers}])
    equal(list((await read(topic, 1))[0].headers), headers)


@case("nulls/key-and-value")
async def _():
    topic = await create("nulls")
    await produce(topic, [{"key": None, "value": b"v"}, {"key": b"k", "value": None}, {"key": b"", "value": b""}])
    equal([(m.key, m.value) for m in await read(topic, 3)], [(None, b"v"), (b"k", None), (b"", b"")])


@case("large/1MB")
async def _():
    topic = await create("large")
    big = bytes(range(250)) * 4000
    await produce(topic, [{"value": big}] * 3)
    equal([m.value == big for m in await read(topic, 3)], [True] * 3)


@case("idempotence/producer")
async def _():
    topic = await create("idempotence")
    messages = [{"value": b"%d" % i} for i in range(500)]
    offsets = await produce(topic, messages, enable_idempotence=True, max_batch_size=200)
    equal(offsets, list(range(500)), "offsets")
    equal([int(m.value) for m in await read(topic, 500)], list(range(500)))


async def partitions_of(admin, topic):
    [one] = await admin.describe_topics([topic])
    return len(one["partitions"])


@case("topics/create")
async def _():
    topic = await create("admin", 2, {"retention.ms": "60000"})
    async with Admin() as admin:
        equal(topic in await admin.list_topics(), True, "listed")
        equal(await partitions_of(admin, topic), 2, "partitions")
        again = await admin.create_topics([NewTopic(topic, 1, 1)])
        equal(again.topic_errors[0][1], 36, "error of a second creation")


@case("topics/grow")
async def _():
    topic = await create("grow")
    async with Admin() as admin:
        await admin.create_partitions({topic: NewPartitions(4)})
        equal(await partitions_of(admin, topic), 4, "partitions")


@case("topics/delete")
async def _():
    topic = await create("gone")
    async with Admin() as admin:
        await admin.delete_topics([topic])
        equal(topic in await admin.list_topics(), False, "listed")


async def topic_config(admin, topic):
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


@case("configs/describe")
async def _():
    topic = await create("configs", 1, {"retention.ms": "60000"})
    async with Admin() as admin:
        equal((await topic_config(admin, topic))["retention.ms"], "60000")


@case("configs/alter")
async def _():
    topic = await create("alter", 1, {"retention.ms": "60000"})
    async with Admin() as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "70000"})])
        equal((await topic_config(admin, topic))["retention.ms"], "70000")


@case("delete-records/before")
async def _():
    topic = await create("delete-records")
    await produce(topic, SOME)
    async with Admin() as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=20)})
    equal((await read(topic, 30))[0].offset, 20, "first offset")


@case("groups/administration")
async def _():
    topic, group = await create("groups"), topic_name("groups")
    await produce(topic, SOME)
    member = consumer("groups", topic)
    await member.start()
    await take(member, 50)
    await member.commit()
    async with Admin() as admin:
        equal((group, "consumer") in await admin.list_consumer_groups(), True, "listed")
        [answer] = await admin.describe_consumer_groups([group])
        [(error, _, state, _, _, members, *_)] = answer.groups
        equal((error, state, len(members)), (0, "Stable", 1))
        await member.stop()
        equal([o.offset for o in (await admin.list_consumer_group_offsets(group)).values()], [50], "offsets")
