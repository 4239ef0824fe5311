//! Metrics of gRPC calls, with the names of grpc-prometheus.

use super::admission;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use runtime::admission::Class;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Descriptors of all methods: ours, health and reflection.
const DESCRIPTOR_SETS: [&[u8]; 4] = [
    nono_proto::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// Names of the codes by number, as grpc-prometheus spells them.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Metrics of all methods, found by path without allocation.
#[derive(Clone, Debug)]
pub(super) struct GrpcMetrics(Arc<Methods>);

#[derive(Debug)]
struct Methods {
    known: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

/// A method and its metrics.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) service: String,
    pub(super) name: String,
    pub(super) is_streaming: bool,
    /// `true` if the method is one of the contract.
    pub(super) is_ours: bool,
    /// `true` if streams of the method end when the process stops, which is no failure. Chat turns may finish.
    pub(super) ends_at_shutdown: bool,
    /// Class of admission; `None` if the method is always admitted.
    pub(super) class: Option<Class>,
    started: Counter,
    handled: Vec<Counter>,
    seconds: Histogram,
    in_flight: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandledLabels {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
    grpc_code: &'static str,
}

#[derive(Default)]
struct Families {
    started: Family<MethodLabels, Counter>,
    handled: Family<HandledLabels, Counter>,
    in_flight: Family<MethodLabels, Gauge>,
}

impl GrpcMetrics {
    /// Registers the metrics of every method and code, starting at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Families::default();
        let new: fn() -> Histogram = runtime::metrics::call_duration_histogram;
        let seconds = Family::new_with_constructor(new);
        registry.register("grpc_server_started", "Started calls", families.started.clone());
        registry.register("grpc_server_handled", "Finished calls by code", families.handled.clone());
        registry.register("grpc_server_handling_seconds", "Duration of calls", seconds.clone());
        registry.register("grpc_server_in_flight", "Calls in progress", families.in_flight.clone());
        let method =
            |rpc: Rpc| (format!("/{}/{}", rpc.service, rpc.name), Arc::new(families.method(&seconds, rpc)));
        let unknown =
            Rpc { service: "unknown".into(), name: "unknown".into(), is_streaming: false, is_ours: false };
        let known = DESCRIPTOR_SETS.into_iter().flat_map(rpcs).map(method).collect();
        Self(Arc::new(Methods { known, unknown: method(unknown).1 }))
    }

    pub(super) fn method(&self, path: &str) -> Arc<Method> {
        self.0.known.get(path).unwrap_or(&self.0.unknown).clone()
    }
}

impl Families {
    fn method(&self, seconds: &Family<MethodLabels, Histogram, fn() -> Histogram>, rpc: Rpc) -> Method {
        let grpc_type = if rpc.is_streaming { "server_stream" } else { "unary" };
        let labels =
            MethodLabels { grpc_type, grpc_service: rpc.service.clone(), grpc_method: rpc.name.clone() };
        let handled = |grpc_code| {
            let MethodLabels { grpc_type, grpc_service, grpc_method } = labels.clone();
            self.handled.get_or_create_owned(&HandledLabels {
                grpc_type,
                grpc_service,
                grpc_method,
                grpc_code,
            })
        };
        Method {
            handled: CODES.into_iter().map(handled).collect(),
            started: self.started.get_or_create_owned(&labels),
            seconds: seconds.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            class: admission::class(&rpc.service, &rpc.name),
            ends_at_shutdown: rpc.is_streaming && rpc.name != "Chat",
            is_ours: rpc.is_ours,
            is_streaming: rpc.is_streaming,
            service: rpc.service,
            name: rpc.name,
        }
    }
}

impl Method {
    pub(super) fn begin(&self) {
        self.started.inc();
        self.in_flight.inc();
    }

    /// Counts the end of a call. Returns the name of the code.
    pub(super) fn end(&self, code: tonic::Code, took: Duration) -> &'static str {
        let number = usize::try_from(i32::from(code)).unwrap_or_default();
        self.handled[number].inc();
        self.seconds.observe(took.as_secs_f64());
        self.in_flight.dec();
        CODES[number]
    }
}

struct Rpc {
    service: String,
    name: String,
    is_streaming: bool,
    is_ours: bool,
}

fn rpcs(set: &[u8]) -> impl Iterator<Item = Rpc> {
    let files = FileDescriptorSet::decode(set).expect("the descriptors are compiled in").file;
    files.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let is_ours = package.starts_with("nono.");
            let full_name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| Rpc {
                service: full_name.clone(),
                name: method.name().to_owned(),
                is_streaming: method.server_streaming() || method.client_streaming(),
                is_ours,
            })
        })
    })
}
