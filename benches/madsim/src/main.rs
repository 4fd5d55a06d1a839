//! How fast madsim's simulated broker does the work of `examples/throughput`: one JSON line.
//!
//! ```text
//! cargo run --release -- [--batch SIZE] [--records N]
//! ```
//!
//! `bytes_per_record` is what the world still holds when every record is read, by a counting
//! allocator. The clock is read outside the simulated world, where madsim leaves it alone.

#[path = "../../../examples/throughput/gauge.rs"]
mod gauge;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use madsim::runtime::{NodeHandle, Runtime};
use madsim_rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use madsim_rdkafka::client::DefaultClientContext;
use madsim_rdkafka::consumer::BaseConsumer;
use madsim_rdkafka::producer::{BaseProducer, BaseRecord};
use madsim_rdkafka::{ClientConfig, Message, SimBroker, TopicPartitionList};

const BROKER: &str = "10.0.0.1:9092";
const TOPIC: &str = "events";
const VALUE: [u8; 100] = [7; 100];

/// How long the reader sleeps when there is nothing to read; that of madsim's own test. Each empty
/// poll costs a request, so a long sleep is in madsim's favour.
const IDLE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut batch, mut records) = (100, 2_000_000);
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|number| number.parse::<u32>().ok());
        match (pair[0].as_str(), number) {
            ("--batch", Some(number @ 1..)) => batch = number,
            ("--records", Some(number @ 1..)) => records = number,
            _ => {
                eprintln!("usage: beside-madsim [--batch SIZE] [--records N]");
                return ExitCode::from(2);
            }
        }
    }
    println!("{}", measure(batch, records));
    ExitCode::SUCCESS
}

/// One run, as a line of JSON.
fn measure(batch: u32, records: u32) -> String {
    let held_before = gauge::held_bytes();
    let (began, busy_before) = (Instant::now(), gauge::cpu_seconds());
    let mut config = madsim::Config::default();
    config.net.send_latency = Duration::from_millis(1)..Duration::from_nanos(1_000_001);
    let runtime = Runtime::with_seed_and_config(1, config);
    let read = runtime.block_on(world(batch, records));
    let seconds = began.elapsed().as_secs_f64();
    let busy = gauge::cpu_seconds() - busy_before;
    let held = gauge::held_bytes().saturating_sub(held_before);
    assert_eq!(read, u64::from(records), "everything is sent and read");
    let rate = (f64::from(records) / seconds) as u64;
    let busy_rate = if busy == 0.0 {
        0
    } else {
        (f64::from(records) / busy) as u64
    };
    let bytes = held as f64 / f64::from(records);
    let peak = gauge::peak_rss_bytes();
    format!(
        "{{\"batch\":{batch},\"records\":{records},\"records_per_s\":{rate},\
         \"records_per_cpu_s\":{busy_rate},\"bytes_per_record\":{bytes:.2},\"peak_rss_bytes\":{peak},\"seconds\":{seconds:.3}}}"
    )
}

/// The broker and its topic, then a producer and a reader at the same time; how many were read.
async fn world(batch: u32, records: u32) -> u64 {
    let address: SocketAddr = BROKER.parse().expect("an address");
    node("broker", "10.0.0.1").spawn(async move {
        SimBroker::default()
            .serve(address)
            .await
            .expect("the broker serves");
    });
    madsim::time::sleep(Duration::from_secs(1)).await;
    let setting_up = node("admin", "10.0.0.2").spawn(create_topic());
    setting_up.await.expect("the topic is there");
    let producing = node("producer", "10.0.0.3").spawn(produce(batch, records));
    let reading = node("reader", "10.0.0.4").spawn(read(records));
    producing.await.expect("the producer ends");
    reading.await.expect("the reader ends")
}

fn node(name: &str, address: &str) -> NodeHandle {
    let address = address.parse().expect("an address");
    let handle = madsim::runtime::Handle::current();
    handle.create_node().name(name).ip(address).build()
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", BROKER)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    config
}

async fn create_topic() {
    let admin = client().create::<AdminClient<DefaultClientContext>>().await;
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(1));
    let admin = admin.expect("a client");
    let created = admin.create_topics(&[topic], &AdminOptions::new()).await;
    created.expect("the topic is created");
}

/// Sends batch after batch, each when the one before is acknowledged.
async fn produce(batch: u32, records: u32) {
    let producer = client().create::<BaseProducer>().await.expect("a producer");
    let mut left = records;
    while 0 < left {
        let now = batch.min(left);
        for _ in 0..now {
            let record = BaseRecord::<(), [u8], ()>::to(TOPIC).payload(&VALUE);
            assert!(producer.send(record).is_ok(), "the buffer has room");
        }
        producer.flush(None).await.expect("an acknowledgement");
        left -= now;
    }
}

async fn read(records: u32) -> u64 {
    let reader = client().create::<BaseConsumer>().await.expect("a reader");
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition(TOPIC, 0);
    reader.assign(&assignment).expect("an assignment");
    let (mut seen, mut bytes) = (0_u64, 0_usize);
    while seen < u64::from(records) {
        match reader.poll(None).await {
            Some(message) => {
                bytes += message.expect("a message").payload().map_or(0, <[u8]>::len);
                seen += 1;
            }
            None => madsim::time::sleep(IDLE).await,
        }
    }
    assert_eq!(bytes as u64, seen * VALUE.len() as u64);
    seen
}
