//! The Kubernetes objects of each overlay: selectors, ports and references between them.

use super::{
    container::Programs,
    dockerfile::Stages,
    faults::Faults,
    items,
    kustomize::{self, Overlay},
    pod::{self, Ports, environment, is_declared, text},
    strings,
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

pub fn check(folder: &Path, programs: &Programs, stages: &Stages, faults: &mut Faults) {
    for overlay in kustomize::read_all(folder, faults) {
        let objects = Objects(&overlay);
        let pods = objects.check_workloads(programs, stages, faults);
        let services = objects.check_services(&pods, faults);
        objects.check_selectors_and_targets(&pods, faults);
        for (context, policy) in objects.of(&["NetworkPolicy"]) {
            check_network_policy(&context, &policy["spec"], &pods, faults);
        }
        objects.check_callers(&services, faults);
        objects.check_identity_providers(faults);
        objects.check_secrets(faults);
    }
}

struct Pod {
    labels: Map<String, Value>,
    ports: Ports,
}

/// The ports of a Service that callers reach, by number and by name.
struct Service {
    ports: BTreeSet<u64>,
    names: BTreeSet<String>,
}

type Services = BTreeMap<String, Service>;

struct Objects<'a>(&'a Overlay);

impl Objects<'_> {
    /// Returns the objects of some kinds, each with a description for faults.
    fn of(&self, kinds: &[&str]) -> Vec<(String, &Value)> {
        let objects = self.0.objects.iter().filter(|(_, object)| kinds.contains(&text(&object["kind"])));
        let describe = |path: &Path, object: &Value| {
            format!("{}: {} {}", path.display(), text(&object["kind"]), text(&object["metadata"]["name"]))
        };
        objects.map(|(path, object)| (describe(path, object), object)).collect()
    }

    fn exists(&self, kind: &str, name: &Value) -> bool {
        self.of(&[kind]).iter().any(|(_, object)| object["metadata"]["name"] == *name)
    }

    fn check_workloads(&self, programs: &Programs, stages: &Stages, faults: &mut Faults) -> Vec<Pod> {
        let mut pods = Vec::new();
        for (context, workload) in self.of(&["Deployment", "StatefulSet"]) {
            let template = &workload["spec"]["template"];
            let mut labels = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
            let own = Pod { labels: labels.clone(), ports: Ports::new() };
            select(&context, &workload["spec"]["selector"]["matchLabels"], &[own], faults);
            let ports = pod::check(&context, &template["spec"], programs, stages, faults);
            let account = &template["spec"]["serviceAccountName"];
            faults.check(self.exists("ServiceAccount", account), || {
                format!("{context}: ServiceAccount {account} does not exist")
            });
            labels.extend(self.0.labels.clone());
            pods.push(Pod { labels, ports });
        }
        pods
    }

    fn check_services(&self, pods: &[Pod], faults: &mut Faults) -> Services {
        let mut services = Services::new();
        for (context, service) in self.of(&["Service"]) {
            let spec = &service["spec"];
            let open: Ports = select(&context, &spec["selector"], pods, faults)
                .into_iter()
                .flat_map(|pod| pod.ports.clone())
                .collect();
            for port in items(&spec["ports"]) {
                let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
                faults
                    .check(is_declared(&open, target), || format!("{context}: nothing listens on {target}"));
            }
            // The name of a headless service leads to the pods themselves, so their ports count.
            let ports = match spec["clusterIP"] == "None" {
                true => open.into_values().collect(),
                false => items(&spec["ports"]).iter().filter_map(|port| port["port"].as_u64()).collect(),
            };
            let names = items(&spec["ports"]).iter().map(|port| text(&port["name"]).to_owned()).collect();
            services.insert(text(&service["metadata"]["name"]).to_owned(), Service { ports, names });
        }
        services
    }

    fn check_selectors_and_targets(&self, pods: &[Pod], faults: &mut Faults) {
        for (context, budget) in self.of(&["PodDisruptionBudget"]) {
            select(&context, &budget["spec"]["selector"]["matchLabels"], pods, faults);
        }
        for (context, autoscaler) in self.of(&["HorizontalPodAutoscaler"]) {
            let target = &autoscaler["spec"]["scaleTargetRef"];
            faults.check(self.exists(text(&target["kind"]), &target["name"]), || {
                format!("{context}: scales {target}, which does not exist")
            });
        }
    }

    /// Checks what calls a Service: Ingresses, and gateways through `NONO_BACKEND`.
    fn check_callers(&self, services: &Services, faults: &mut Faults) {
        for (context, ingress) in self.of(&["Ingress"]) {
            for path in items(&ingress["spec"]["rules"]).iter().flat_map(|rule| items(&rule["http"]["paths"]))
            {
                let backend = &path["backend"]["service"];
                let port = text(&backend["port"]["name"]);
                let is_served =
                    services.get(text(&backend["name"])).is_some_and(|service| service.names.contains(port));
                faults.check(is_served, || format!("{context}: nothing serves {backend}"));
            }
        }
        for (context, workload) in self.of(&["Deployment"]) {
            for container in items(&workload["spec"]["template"]["spec"]["containers"]) {
                let variables = environment(container);
                let Some(address) = variables.get("NONO_BACKEND") else { continue };
                let url: http::Uri = address.parse().unwrap();
                let is_secure = url.scheme_str() == Some("https");
                faults.check(is_secure == self.serves_tls("session-service"), || {
                    format!("{context}: {address} has another scheme than session-service")
                });
                let port = u64::from(url.port_u16().unwrap_or(0));
                let is_served = services
                    .get(url.host().unwrap_or_default())
                    .is_some_and(|service| service.ports.contains(&port));
                faults.check(is_served, || format!("{context}: nothing serves {address}"));
            }
        }
    }

    /// Checks that network policies permit gateways to reach the URL of an identity provider.
    fn check_identity_providers(&self, faults: &mut Faults) {
        for (context, workload) in self.of(&["Deployment"]) {
            let template = &workload["spec"]["template"];
            for container in items(&template["spec"]["containers"]) {
                let variables = environment(container);
                let Some(keys) = variables.get("NONO_OIDC_JWKS").filter(|keys| keys.contains("://")) else {
                    continue;
                };
                let url: http::Uri = keys.parse().unwrap();
                let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
                let port = u64::from(url.port_u16().unwrap_or(default));
                let is_reachable = self.external_ports(&template["metadata"]["labels"]).contains(&port);
                faults.check(is_reachable, || format!("{context}: no network policy permits {keys}"));
            }
        }
    }

    /// Returns the ports outside of the cluster that policies permit to pods with some labels.
    fn external_ports(&self, labels: &Value) -> BTreeSet<u64> {
        let policies = self.of(&["NetworkPolicy"]).into_iter().map(|(_, policy)| &policy["spec"]);
        let selecting = policies.filter(|policy| {
            let selector = policy["podSelector"]["matchLabels"].as_object();
            selector.is_some_and(|wanted| wanted.iter().all(|(name, value)| labels[name] == *value))
        });
        let rules = selecting.flat_map(|policy| items(&policy["egress"]));
        let external = rules.filter(|rule| items(&rule["to"]).iter().any(|peer| !peer["ipBlock"].is_null()));
        external.flat_map(|rule| items(&rule["ports"])).filter_map(|port| port["port"].as_u64()).collect()
    }

    /// Returns `true` if a Deployment serves TLS.
    fn serves_tls(&self, name: &str) -> bool {
        let deployments = self.of(&["Deployment"]);
        let mut named = deployments.iter().filter(|(_, object)| object["metadata"]["name"] == name);
        named.any(|(_, deployment)| {
            let containers = items(&deployment["spec"]["template"]["spec"]["containers"]);
            containers.iter().any(|container| environment(container).contains_key("NONO_TLS_CERT"))
        })
    }

    /// Checks that each Secret exists, is generated, or is mentioned in the kustomization for the administrator.
    fn check_secrets(&self, faults: &mut Faults) {
        for (context, workload) in self.of(&["Deployment"]) {
            for volume in items(&workload["spec"]["template"]["spec"]["volumes"]) {
                let name = &volume["secret"]["secretName"];
                let Some(secret) = name.as_str() else { continue };
                let overlay = self.0;
                let is_known = overlay.generated.contains(secret)
                    || self.exists("Secret", name)
                    || overlay.mentions(secret);
                faults.check(is_known, || format!("{context}: nothing creates or mentions Secret {secret}"));
            }
        }
    }
}

/// Returns the pods that a selector matches. None is a fault.
fn select<'a>(context: &str, selector: &Value, pods: &'a [Pod], faults: &mut Faults) -> Vec<&'a Pod> {
    let wanted = selector.as_object().cloned().unwrap_or_default();
    let matches = |pod: &&Pod| wanted.iter().all(|(name, value)| pod.labels.get(name) == Some(value));
    let found: Vec<_> = pods.iter().filter(matches).collect();
    faults.check(!found.is_empty(), || format!("{context}: no pod has the labels {selector}"));
    found
}

/// Checks that a policy that permits all addresses leaves out those of pods and of the cloud's metadata.
fn check_block(context: &str, block: &Value, faults: &mut Faults) {
    let private: &[&str] = match text(&block["cidr"]) {
        "0.0.0.0/0" => &["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
        "::/0" => &["fc00::/7", "fe80::/10"],
        _ => &[],
    };
    let except = strings(&block["except"]);
    for network in private {
        faults.check(except.contains(network), || format!("{context}: permits {network}"));
    }
}

fn check_network_policy(context: &str, spec: &Value, pods: &[Pod], faults: &mut Faults) {
    let selected = select(context, &spec["podSelector"]["matchLabels"], pods, faults);
    for rule in items(&spec["ingress"]) {
        faults.check(!items(&rule["from"]).is_empty(), || {
            format!("{context}: open to every pod of the cluster")
        });
    }
    for port in items(&spec["ingress"]).iter().flat_map(|rule| items(&rule["ports"])) {
        let port = &port["port"];
        let is_open = selected.iter().any(|pod| is_declared(&pod.ports, port));
        faults.check(is_open, || format!("{context}: allows calls to {port}, on which nothing listens"));
    }
    for rule in items(&spec["egress"]) {
        for peer in items(&rule["to"]) {
            check_block(context, &peer["ipBlock"], faults);
            if !peer["namespaceSelector"].is_null() || peer["podSelector"].is_null() {
                continue;
            }
            let peers = select(context, &peer["podSelector"]["matchLabels"], pods, faults);
            for port in items(&rule["ports"]) {
                let port = &port["port"];
                let is_open = peers.iter().any(|pod| port.is_u64() && is_declared(&pod.ports, port));
                faults.check(is_open, || {
                    format!("{context}: allows calls out to {port}, on which nothing listens")
                });
            }
        }
    }
}
