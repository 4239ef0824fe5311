//! Collected faults, and an example of each kind that the checks must report.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The faults that were found, and the number of checks.
pub struct Faults {
    folder: PathBuf,
    pub found: Vec<String>,
    pub checks: usize,
}

impl Faults {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.canonicalize().unwrap(), found: Vec::new(), checks: 0 }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) -> bool {
        self.checks += 1;
        if !holds {
            self.found.push(fault().replace(&format!("{}/", self.folder.display()), ""));
        }
        holds
    }

    pub fn known(&mut self, names: &[&str], known: &[&str], context: &str) {
        for name in names {
            self.check(known.contains(name), || format!("{context}: {name} is not known"));
        }
    }
}

/// A change of one file of `deploy/`, and what the checks must report about it.
#[derive(Debug)]
pub struct Example {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    pub report: &'static str,
}

impl Example {
    /// Copies `deploy/` from one folder to another, with the change.
    pub fn apply(&self, from: &Path, to: &Path) {
        for path in super::files(&from.join("deploy")) {
            let target = to.join(path.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(path, target).unwrap();
        }
        let path = to.join("deploy").join(self.file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(self.from), "{} does not contain {:?}", self.file, self.from);
        fs::write(path, text.replacen(self.from, self.to, 1)).unwrap();
    }
}

const fn example(file: &'static str, from: &'static str, to: &'static str, report: &'static str) -> Example {
    Example { file, from, to, report }
}

const COMPOSE: &str = "compose.yaml";
const GATEWAY: &str = "kubernetes/base/gateway.yaml";
const SERVICE: &str = "kubernetes/base/session-service.yaml";
const POLICIES: &str = "kubernetes/base/network-policies.yaml";
const DEV: &str = "kubernetes/overlays/dev/kustomization.yaml";
const COMPONENT: &str = "kubernetes/components/tls/kustomization.yaml";
const TLS: &str = "kubernetes/components/tls/gateway.yaml";
const TLS_SERVICE: &str = "kubernetes/components/tls/session-service.yaml";
const OIDC: &str = "kubernetes/components/oidc/network-policy.yaml";
const OIDC_COMPONENT: &str = "kubernetes/components/oidc/kustomization.yaml";
const PRODUCTION: &str = "kubernetes/overlays/production/kustomization.yaml";

pub const EXAMPLES: &[Example] = &[
    example(COMPOSE, "NONO_STORE:", "# NONO_SHOP\n      NONO_STORE:", "no program has NONO_SHOP"),
    example("Dockerfile", "AS gateway", "AS door", "target gateway: does not exist"),
    example("Dockerfile", "NONO_DRAIN_DELAY=5s", "NONO_DRAIN=5s", "the program has no NONO_DRAIN"),
    example(
        "Dockerfile",
        "NONO_HTTP_LISTEN=0.0.0.0",
        "NONO_HTTP_LISTEN=127.0.0.1",
        "unreachable from outside",
    ),
    example("Dockerfile", "EXPOSE 8000 9091", "EXPOSE 8000", "target gateway: exposes"),
    example(
        "Dockerfile",
        "[\"/usr/local/bin/gateway\"]",
        "[\"/usr/local/bin/nono\"]",
        "does not start gateway",
    ),
    example(
        "Dockerfile",
        "\"/usr/local/bin/nono\", \"health\"",
        "\"/bin/true\"",
        "target nono: its health check is",
    ),
    example("Dockerfile", "--start-period=30s", "", "needs a timeout and a start period"),
    example(COMPOSE, "/usr/local/bin/gateway, health", "/bin/true", "gateway: its health check must be"),
    example("Dockerfile", "rust:1.95.0-slim-bookworm", "rust", "rust has no version"),
    example("Dockerfile.dockerignore", "!runtime\n", "", "leaves out the workspace member runtime"),
    example("Dockerfile.dockerignore", "!docs/openapi.json\n", "", "openapi.json, which gateway includes"),
    example("Dockerfile.dockerignore", "!nono", "!nono\n!process", "process does not exist"),
    example(COMPOSE, "name: nono", "name: nono\nsecret: {}", "secret is not known"),
    example(COMPOSE, "user: \"", "usr: \"", "compose.yaml, redis: usr is not known"),
    example(
        COMPOSE,
        "session-service:\n        condition",
        "service:\n        condition",
        "depends on service, which",
    ),
    example(COMPOSE, "service_started", "service_begun", "unknown condition service_begun"),
    example(COMPOSE, "healthcheck:", "x-healthcheck:", "waits for redis, which has no healthcheck"),
    example(COMPOSE, "networks: [store]", "networks: [shop]", "network shop does not exist"),
    example(COMPOSE, "[redis-data:/data]", "[data:/data]", "volume data does not exist"),
    example(COMPOSE, "read_only: true", "read_only: false", "needs read_only"),
    example(COMPOSE, "target: gateway", "target: nono", "builds \"nono\""),
    example(COMPOSE, "deploy/Dockerfile", "Dockerfile", "Dockerfile does not exist"),
    example(COMPOSE, "ports: [", "command: [--door]\n    ports: [", "the program has no --door"),
    example(COMPOSE, "NONO_STORE: redis", "RUST_LOG: redis", "needs one of"),
    example(COMPOSE, "NONO_AUTH: keys", "NONO_AUTH: none", "gRPC is open to all callers"),
    example(COMPOSE, "NONO_GATEWAY_AUTH: cookie", "NONO_GATEWAY_AUTH: none", "HTTP is open to all clients"),
    example(COMPOSE, "NONO_AUTH_KEYS_FILE: /keys/callers", "RUST_LOG: info", "names no file of callers"),
    example(COMPOSE, "NONO_AUTH: keys", "NONO_INSECURE_NO_AUTH: \"true\"", "runs open"),
    example(COMPOSE, "service-keys:/keys:ro", "service-keys:/other:ro", "is on no volume"),
    example(COMPOSE, "NONO_COOKIE_KEYS_FILE:", "NONO_TITLE:", "has no NONO_COOKIE_KEYS_FILE"),
    example(COMPOSE, "./create-keys:", "./make-keys:", "volume ./make-keys does not exist"),
    example("Dockerfile", "NONO_GATEWAY_AUTH=cookie", "NONO_TITLE=x", "nono: HTTP is open"),
    example(GATEWAY, "value: cookie", "value: none", "HTTP is open to all clients"),
    example(GATEWAY, "mountPath: /etc/nono/keys", "mountPath: /etc/keys", "is on no volume"),
    example(GATEWAY, "secretName: gateway-keys", "secretName: cookies", "nothing creates or mentions"),
    example(
        SERVICE,
        "- name: NONO_AUTH\n              value: keys",
        "- name: NONO_AUTH\n              value: none",
        "gRPC is open",
    ),
    example(
        POLICIES,
        "    - from:\n        - podSelector: {}\n      ports:",
        "    - ports:",
        "open to every pod of the cluster",
    ),
    example(COMPOSE, "8000:8000\"", "8000:8001\"", "publishes 8001"),
    example(COMPOSE, "127.0.0.1:8000:", "0.0.0.0:8000:", "is open to other machines"),
    example(COMPOSE, "stop_grace_period: 20s", "stop_grace_period: 17s", "killed after 17 s, stops in 18 s"),
    example(COMPOSE, "session-service:50051", "session-service:50052", "nothing listens at"),
    example(COMPOSE, "networks: [services, edge]", "networks: [edge]", "shares no network"),
    example(DEV, "images:", "namePrefix: a\nimages:", "namePrefix is not known"),
    example(DEV, "- redis.yaml", "- valkey.yaml", "no valkey.yaml"),
    example(DEV, "  - redis.yaml\n", "", "redis.yaml: not used by any kustomization"),
    example(DEV, "- path: store-policy.yaml", "- path: policy.yaml", "no policy.yaml"),
    example(DEV, "kind: PodDisruptionBudget\n    patch", "kind: Job\n    patch", "which does not exist"),
    example(
        DEV,
        "$patch: delete",
        "$patch: delete\n      ---\n      $patch: delete",
        "one deletion per patch",
    ),
    example(DEV, "    literals:", "    files: [password]\n    literals:", "no password"),
    example(GATEWAY, "kind: Service\n", "kind: [\n", "not YAML"),
    example(
        GATEWAY,
        "matchLabels:\n      app.kubernetes.io/name: gateway\n  template",
        "matchLabels:\n      app: door\n  template",
        "no pod has the labels",
    ),
    example(GATEWAY, "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
    example(GATEWAY, "type: RuntimeDefault", "type: Unconfined", "has no seccomp profile"),
    example(GATEWAY, "\n      automountServiceAccountToken: false", "", "mounts a token"),
    example(GATEWAY, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "is not restricted"),
    example(GATEWAY, "startupProbe:", "x:", "has no startupProbe"),
    example(GATEWAY, "path: /readyz", "path: /ready", "readinessProbe gets /ready"),
    example(GATEWAY, "port: admin", "port: door", "which is not declared"),
    example(GATEWAY, "memory: 256Mi", "x: 1", "lacks a request or a limit"),
    example(GATEWAY, "containerPort: 9091", "containerPort: 9090", "declares ports"),
    example(
        GATEWAY,
        "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds: 22",
        "killed after 22 s",
    ),
    example(GATEWAY, "serviceAccountName: gateway", "serviceAccountName: door", "does not exist"),
    example(GATEWAY, "targetPort: http", "targetPort: web", "nothing listens on \"web\""),
    example(
        GATEWAY,
        "    kind: Deployment\n    name: gateway",
        "    kind: Deployment\n    name: door",
        "scales",
    ),
    example(
        GATEWAY,
        "headless:50051",
        "headless:50052",
        "nothing serves http://session-service-headless:50052",
    ),
    example(SERVICE, "mountPath: /etc/nono/store", "mountPath: /etc/store", "is on no volume"),
    example(SERVICE, "secretName: session-store", "secretName: store-address", "nothing creates or mentions"),
    example(POLICIES, "port: http", "port: web", "allows calls to \"web\""),
    example(POLICIES, "port: 50051", "port: 50052", "allows calls out to 50052"),
    example("kubernetes/overlays/production/ingress.yaml", "name: http", "name: web", "nothing serves"),
    example(TLS, "value: https://", "value: http://", "has another scheme than session-service"),
    example(TLS, "mountPath: /etc/nono/tls", "mountPath: /etc/tls", "is on no volume"),
    example(TLS, "secretName: gateway-tls", "secretName: gateway-certificate", "nothing creates or mentions"),
    example(
        TLS_SERVICE,
        "scheme: HTTPS",
        "scheme: HTTP",
        "startupProbe uses HTTP, and TLS of the port is true",
    ),
    example(
        "kubernetes/overlays/tls/kustomization.yaml",
        "- ../../components/tls",
        "- ../dev",
        "is no component",
    ),
    example(COMPONENT, "patches:", "images: []\npatches:", "images is not known"),
    example(OIDC, "port: 443", "port: 8443", "no network policy permits https://idp.example.org"),
    example(
        OIDC,
        "name: gateway\n  policyTypes",
        "name: session-service\n  policyTypes",
        "no network policy permits",
    ),
    example(OIDC, "169.254.0.0/16, ", "", "permits 169.254.0.0/16"),
    example(OIDC_COMPONENT, "resources:\n  - network-policy.yaml\n", "", "not used by any kustomization"),
    example(PRODUCTION, "- ../../base", "- ../dev/../..", "has no kustomization"),
];
