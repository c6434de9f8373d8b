//! rskafka, which has partitions only: no groups, no idempotence, no configs. It always asks for acks of all.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Runs one case and says how it ended: see ../../README.md for the lines.
async fn run(name: &str, body: impl Future<Output = Outcome>) {
    println!("begin {name}");
    match tokio::time::timeout(Duration::from_secs(45), body).await {
        Ok(Ok(())) => println!("ok {name}"),
        Ok(Err(error)) => println!("fail {name} {error}"),
        Err(_) => println!("fail {name} not done after 45 s"),
    }
}

fn lacks(name: &str, why: &str) {
    println!("begin {name}\nlacks {name} {why}");
}

fn equal<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{found:?} instead of {wanted:?}").chars().take(300).collect::<String>().into())
}

fn named(name: &str) -> String {
    format!("{}-{name}", std::env::var("INTEROP_PREFIX").unwrap_or_default())
}

async fn create(client: &Client, name: &str, partitions: i32) -> Result<String, rskafka::client::error::Error> {
    let topic = named(name);
    client.controller_client()?.create_topic(&topic, partitions, 1, 5_000).await?;
    Ok(topic)
}

async fn partition(client: &Client, topic: &str, index: i32) -> Result<PartitionClient, rskafka::client::error::Error> {
    client.partition_client(topic, index, UnknownTopicHandling::Retry).await
}

fn record(key: Option<&str>, value: Option<Vec<u8>>, time_ms: i64) -> Record {
    let timestamp = DateTime::<Utc>::from_timestamp_millis(time_ms).expect("a time");
    Record { key: key.map(Into::into), value, headers: BTreeMap::new(), timestamp }
}

const START: i64 = 1_700_000_000_000;

/// Numbers as texts, a second apart.
fn numbers(from: i64, count: i64) -> Vec<Record> {
    (from..from + count).map(|i| record(None, Some(i.to_string().into_bytes()), START + i * 1000)).collect()
}

async fn read(from: &PartitionClient, count: usize) -> Result<Vec<RecordAndOffset>, rskafka::client::error::Error> {
    let mut found: Vec<RecordAndOffset> = vec![];
    let mut next = from.get_offset(OffsetAt::Earliest).await?;
    while found.len() < count {
        let (records, _) = from.fetch_records(next, 1..2_000_000, 500).await?;
        next = records.last().map_or(next, |last| last.offset + 1);
        found.extend(records);
    }
    Ok(found)
}

fn values(found: &[RecordAndOffset]) -> Vec<Option<Vec<u8>>> {
    found.iter().map(|one| one.record.value.clone()).collect()
}

fn wanted(sent: &[Record]) -> Vec<Option<Vec<u8>>> {
    sent.iter().map(|one| one.value.clone()).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let bootstrap = std::env::var("INTEROP_BOOTSTRAP")?;
    let client = &ClientBuilder::new(vec![bootstrap]).build().await?;

    let codecs = [
        ("none", Compression::NoCompression),
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ];
    for (name, codec) in codecs {
        run(&format!("codecs/{name}"), async {
            let topic = create(client, &format!("codec-{name}"), 1).await?;
            let to = partition(client, &topic, 0).await?;
            to.produce(numbers(0, 50), codec).await?;
            equal(values(&read(&to, 50).await?), wanted(&numbers(0, 50)))
        })
        .await;
    }
    run("acks/all", async {
        let to = partition(client, &create(client, "acks", 1).await?, 0).await?;
        equal(to.produce(numbers(0, 50), Compression::NoCompression).await?, (0..50).collect())
    })
    .await;
    run("beginning/all-partitions", async {
        let topic = create(client, "beginning", 3).await?;
        for index in 0..3 {
            let to = partition(client, &topic, index).await?;
            for part in 0..10 {
                to.produce(numbers(part * 10, 10), Compression::NoCompression).await?;
            }
            equal(values(&read(&to, 100).await?), wanted(&numbers(0, 100)))?;
        }
        Ok(())
    })
    .await;
    lacks("group/two-members-one-leaves", "no groups");
    lacks("commit/resume", "no groups");
    run("time/get-offset", async {
        let to = partition(client, &create(client, "time", 1).await?, 0).await?;
        to.produce(numbers(0, 10), Compression::NoCompression).await?;
        let at = |ms| OffsetAt::Timestamp(DateTime::<Utc>::from_timestamp_millis(ms).expect("a time"));
        equal(to.get_offset(at(START + 4500)).await?, 5)?;
        equal(to.get_offset(at(START + 3_600_000)).await?, -1)?;
        equal(to.get_offset(OffsetAt::Latest).await?, 10)
    })
    .await;
    run("headers/several", async {
        let to = partition(client, &create(client, "headers", 1).await?, 0).await?;
        let mut sent = record(None, None, START);
        sent.headers = BTreeMap::from([("a".into(), b"1".to_vec()), ("empty".into(), vec![])]);
        to.produce(vec![sent.clone()], Compression::NoCompression).await?;
        equal(&read(&to, 1).await?[0].record.headers, &sent.headers)
    })
    .await;
    run("nulls/key-and-value", async {
        let to = partition(client, &create(client, "nulls", 1).await?, 0).await?;
        let sent = vec![record(None, Some(b"v".to_vec()), START), record(Some("k"), None, START)];
        to.produce(sent.clone(), Compression::NoCompression).await?;
        equal(read(&to, 2).await?.into_iter().map(|one| one.record).collect(), sent)
    })
    .await;
    run("large/1MB", async {
        let to = partition(client, &create(client, "large", 1).await?, 0).await?;
        let sent = vec![record(None, Some((0..1_000_000).map(|i| (i % 251) as u8).collect()), START)];
        to.produce(sent.clone(), Compression::NoCompression).await?;
        equal(read(&to, 1).await?[0].record == sent[0], true)
    })
    .await;
    lacks("idempotence/producer", "no idempotent producer");
    run("topics/create", async {
        let topic = create(client, "admin", 2).await?;
        let found = client.list_topics().await?.into_iter().find(|one| one.name == topic);
        equal(found.map(|one| one.partitions.len()), Some(2))?;
        equal(create(client, "admin", 1).await.is_err(), true)
    })
    .await;
    run("topics/delete", async {
        let topic = create(client, "gone", 1).await?;
        client.controller_client()?.delete_topic(&topic, 5_000).await?;
        equal(client.list_topics().await?.iter().any(|one| one.name == topic), false)
    })
    .await;
    lacks("configs/describe", "no config administration");
    run("delete-records/before", async {
        let to = partition(client, &create(client, "delete-records", 1).await?, 0).await?;
        to.produce(numbers(0, 50), Compression::NoCompression).await?;
        to.delete_records(20, 5_000).await?;
        equal(read(&to, 30).await?[0].offset, 20)
    })
    .await;
    lacks("groups/administration", "no groups");
    Ok(())
}
