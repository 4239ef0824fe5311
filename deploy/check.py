#!/usr/bin/env python3
"""Checks everything in deploy/ without a cluster, a container engine or kustomize.

    pip install -r deploy/requirements.txt
    python3 deploy/check.py target/debug/nono target/debug/session-service target/debug/gateway

Every object must fit the Kubernetes schema, every file that is named must exist, every setting must be one that the
program's --help knows, and every port must be one on which somebody listens. Prints a line for each problem, then how
many checks passed and failed; ends with 1 if any failed, with 2 if it was called wrongly.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import yaml

NAMES = ("nono", "session-service", "gateway")
SETTING = re.compile(r"\bNONO_[A-Z0-9_]+")
LISTEN = re.compile(r"NONO_([A-Z]+)_LISTEN$")
# What the programs read beside the settings that their help lists.
OTHER_VARIABLES = re.compile(r"RUST_LOG$|OTEL_[A-Z_]+$")
FLUSH_SECONDS = 3
PARTS_OF_KUSTOMIZATION = {
    "apiVersion", "kind", "namespace", "resources", "components", "labels", "images", "patches", "secretGenerator",
    "configMapGenerator",
}
PARTS_OF_COMPOSE = {"name", "services", "networks", "volumes"}
PARTS_OF_COMPOSE_SERVICE = {
    "image", "build", "command", "user", "environment", "ports", "networks", "volumes", "depends_on", "healthcheck",
    "restart", "read_only", "cap_drop", "security_opt", "stop_grace_period", "tmpfs", "profiles",
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


class Report:
    """Counts what was checked, and says what is wrong as soon as it is known."""

    def __init__(self, root):
        self.root, self.passed, self.failed = root, 0, 0

    def check(self, holds, problem):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(problem.replace(f"{self.root}/", ""))
        return bool(holds)

    def known(self, found, allowed, where):
        for name in found:
            self.check(name in allowed, f"{where}: {name} is not known")


class Program:
    """What a program's --help says it takes."""

    def __init__(self, path):
        text = subprocess.run([path, "--help"], capture_output=True, text=True, check=True, timeout=20).stdout
        self.variables = set(re.findall(r"\b(NONO_[A-Z0-9_]+|RUST_LOG)\b", text))
        self.flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


Container = collections.namedtuple("Container", "where program variables arguments ports")


# Dockerfile


class Stage:
    def __init__(self, base):
        self.base, self.variables, self.exposed, self.entrypoint = base, {}, set(), []


def dockerfile_stages(path):
    """The stages by name; a stage inherits the variables of its base."""
    stages, stage = {}, None
    lines = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n", " ", lines).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = re.match(r"(\S+)( AS (\S+))?", rest.strip()).groups()
            stages[name or base] = stage = Stage(base)
            if base in stages:
                stage.variables.update(stages[base].variables)
        elif word == "ENV":
            stage.variables.update(re.findall(r"(\w+)=(\S+)", rest))
        elif word == "EXPOSE":
            stage.exposed.update(int(port) for port in rest.split())
        elif word == "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
    return stages


def check_dockerfile(report, path, programs):
    stages = dockerfile_stages(path)
    for name, program in programs.items():
        where = f"{path.name}, target {name}"
        if not report.check(name in stages, f"{where}: there is no such target"):
            continue
        stage = stages[name]
        check_variables(report, where, program, stage.variables)
        listening = listen_ports(stage.variables)
        report.check(
            stage.exposed == set(listening.values()),
            f"{where}: exposes {sorted(stage.exposed)} but listens on {sorted(listening.values())}",
        )
        report.check(
            len(stage.entrypoint) == 1 and Path(stage.entrypoint[0]).name == name,
            f"{where}: does not start {name}",
        )
    for name, stage in stages.items():
        pinned = stage.base in stages or ":" in stage.base or "@" in stage.base
        report.check(pinned and not stage.base.endswith(":latest"), f"{path.name}: {stage.base} has no version")
    return stages


# What holds for every container of ours, wherever it runs


def listen_ports(variables):
    """The ports that the settings name, by what is served there: {"HTTP": 8000, ...}."""
    found = ((LISTEN.match(name), value) for name, value in variables.items())
    return {match[1]: int(str(value).rpartition(":")[2]) for match, value in found if match}


def check_variables(report, where, program, variables):
    for name, value in variables.items():
        known = name in program.variables or OTHER_VARIABLES.match(name)
        report.check(known, f"{where}: the program does not know the variable {name}")
        if LISTEN.match(name):
            outside = not str(value).startswith(("127.", "localhost", "[::1]"))
            report.check(outside, f"{where}: {name}={value} cannot be reached from outside of its container")


def check_container(report, container, programs, stages):
    program, where = programs[container.program], container.where
    check_variables(report, where, program, container.variables)
    for argument in container.arguments:
        flag = str(argument).partition("=")[0]
        if flag.startswith("--"):
            report.check(flag in program.flags, f"{where}: the program does not know {flag}")
    if container.program == "session-service":
        given = {"NONO_STORE", "NONO_STORE_FILE"} & set(container.variables)
        report.check(len(given) == 1, f"{where}: needs one of NONO_STORE and NONO_STORE_FILE, has {sorted(given)}")
    stage = stages.get(container.program)
    listening = listen_ports({**(stage.variables if stage else {}), **container.variables})
    if container.ports is not None:
        report.check(
            set(container.ports.values()) == set(listening.values()),
            f"{where}: declares ports {sorted(container.ports.values())}, listens on {sorted(listening.values())}",
        )
    return listening


def program_of(image, programs):
    """Our program in an image, by the last part of its name; none for somebody else's."""
    repository = re.sub(r"[:@][^/]*$", "", image or "")
    name = repository.rpartition("/")[2]
    return name if name in programs else None


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", str(text)).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def stop_seconds(program_variables):
    """How long a program may take to stop."""
    delay = program_variables.get("NONO_DRAIN_DELAY", "0s")
    timeout = program_variables.get("NONO_DRAIN_TIMEOUT", "15s")
    return seconds(delay) + seconds(timeout) + FLUSH_SECONDS


# Compose


def check_compose(report, path, programs, stages):
    document = yaml.safe_load(path.read_text())
    parts = [part for part in document if not part.startswith("x-")]
    report.known(parts, PARTS_OF_COMPOSE, path.name)
    services = document["services"]
    for name, service in services.items():
        where = f"{path.name}, {name}"
        report.known(service, PARTS_OF_COMPOSE_SERVICE, where)
        check_compose_references(report, where, service, document)
        hardened = (
            service.get("read_only") is True
            and service.get("cap_drop") == ["ALL"]
            and "no-new-privileges:true" in service.get("security_opt", [])
            and "restart" in service
        )
        report.check(hardened, f"{where}: must be read-only, without capabilities and new privileges, and restart")
        if program := program_of(service.get("image"), programs):
            check_compose_program(report, path, where, service, program, services, programs, stages)


def check_compose_references(report, where, service, document):
    services = document["services"]
    for other, how in service.get("depends_on", {}).items():
        condition = how["condition"]
        report.check(other in services, f"{where}: depends on {other}, which is not there")
        report.check(condition in CONDITIONS, f"{where}: {condition} is no condition")
        if condition == "service_healthy":
            report.check("healthcheck" in services.get(other, {}), f"{where}: {other} has no healthcheck to wait for")
    for network in service.get("networks", []):
        report.check(network in document.get("networks", {}), f"{where}: there is no network {network}")
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        report.check(source in document.get("volumes", {}), f"{where}: there is no volume {source}")


def check_compose_program(report, path, where, service, program, services, programs, stages):
    build = service.get("build", {})
    report.check(build.get("target") == program, f"{where}: builds {build.get('target')}, not {program}")
    dockerfile = path.parent / build.get("context", ".") / build.get("dockerfile", "Dockerfile")
    report.check(dockerfile.is_file(), f"{where}: there is no {dockerfile}")
    variables = service.get("environment", {})
    arguments = service.get("command", [])
    listening = check_container(report, Container(where, program, variables, arguments, None), programs, stages)
    for published in service.get("ports", []):
        address, _, inner = published.rpartition(":")
        report.check(int(inner) in listening.values(), f"{where}: publishes {inner}, where nobody listens")
        report.check(address.startswith("127.0.0.1:"), f"{where}: {published} is open to other machines")
    inherited = stages[program].variables if program in stages else {}
    given = seconds(service.get("stop_grace_period", "10s"))
    needed = stop_seconds({**inherited, **variables})
    report.check(given >= needed, f"{where}: is killed after {given} s, may take {needed} s to stop")
    if "NONO_BACKEND" in variables:
        backend = urlsplit(variables["NONO_BACKEND"])
        other = services.get(backend.hostname, {})
        other_program = program_of(other.get("image"), programs)
        ports = listen_ports(stages[other_program].variables).values() if other_program in stages else []
        report.check(backend.port in ports, f"{where}: nobody listens at {variables['NONO_BACKEND']}")
        shared = set(other.get("networks", [])) & set(service.get("networks", []))
        report.check(shared, f"{where}: shares no network with {backend.hostname}")


# Kubernetes


class Overlay:
    """A folder with a kustomization: its objects, those of its bases included."""

    def __init__(self, report, folder, used):
        self.report, self.folder, self.used = report, folder, used
        self.objects, self.patches, self.generated, self.labels = [], [], set(), {}
        path = folder / "kustomization.yaml"
        used.add(path)
        self.kustomization = yaml.safe_load(path.read_text())
        self.where = str(path)
        report.known(self.kustomization, PARTS_OF_KUSTOMIZATION, self.where)
        for name in self.kustomization.get("resources", []):
            self.add_resource(name)
        for entry in self.kustomization.get("labels", []):
            self.labels.update(entry["pairs"])
        for generator in ("secretGenerator", "configMapGenerator"):
            for item in self.kustomization.get(generator, []):
                self.generated.add(item["name"])
                for file in item.get("files", []):
                    self.find(file.rpartition("=")[2])
        for patch in self.kustomization.get("patches", []):
            self.add_patch(patch)

    def find(self, name):
        path = (self.folder / name).resolve()
        self.report.check(path.exists(), f"{self.where}: there is no {name}")
        return path if path.exists() else None

    def add_resource(self, name):
        path = self.find(name)
        if path and path.is_dir():
            if self.report.check((path / "kustomization.yaml").is_file(), f"{self.where}: {name} has no kustomization"):
                base = Overlay(self.report, path, self.used)
                self.objects += base.objects
                self.generated |= base.generated
                self.labels.update(base.labels)
        elif path:
            self.used.add(path)
            self.objects += [(path, each) for each in load(self.report, path)]

    def add_patch(self, patch):
        """A patch must meet an object: kustomize says so too, but only where it is installed."""
        if "path" in patch:
            path = self.find(patch["path"])
            if not path:
                return
            self.used.add(path)
            documents = load(self.report, path)
        else:
            path, documents = Path(self.where), list(yaml.safe_load_all(patch["patch"]))
        target = patch.get("target")
        deletions = sum(document.get("$patch") == "delete" for document in documents)
        self.report.check(deletions < 2, f"{path}: kustomize takes one deletion in a patch, not {deletions}")
        for document in documents:
            wanted = target or {"kind": document["kind"], "name": document["metadata"]["name"]}
            met = [each for _, each in self.objects if meets(each, wanted)]
            self.report.check(met, f"{path}: patches {wanted}, which is not there")
            self.patches += [(each, document) for each in met]


def meets(thing, target):
    fits_name = re.fullmatch(target.get("name", ".*"), thing["metadata"]["name"])
    return thing["kind"] == target.get("kind", thing["kind"]) and bool(fits_name)


def load(report, path):
    try:
        return [document for document in yaml.safe_load_all(path.read_text()) if document]
    except yaml.YAMLError as error:
        report.check(False, f"{path}: is not YAML: {' '.join(str(error).split())}")
        return []


def merged(thing, patch):
    """A strategic merge, as far as it is used here: maps are merged, all else is replaced."""
    if not (isinstance(thing, dict) and isinstance(patch, dict)):
        return patch
    return {**thing, **{key: merged(thing.get(key), value) for key, value in patch.items()}}


def patched(overlay):
    """The objects with their patches: what would be sent to the cluster, but for names and labels."""
    result = []
    for path, thing in overlay.objects:
        patches = [patch for target, patch in overlay.patches if target is thing]
        if any(patch.get("$patch") == "delete" for patch in patches):
            continue
        for patch in patches:
            thing = merged(thing, patch)
        result.append((path, thing))
    return result


def check_kubernetes(report, folder, version, programs, stages):
    used = set()
    for kustomization in sorted(folder.rglob("kustomization.yaml")):
        overlay = Overlay(report, kustomization.parent.resolve(), used)
        objects = patched(overlay)
        for path, thing in objects:
            check_schema(report, path, thing, version)
        check_objects(report, overlay, objects, programs, stages)
    for path in sorted(folder.rglob("*.y*ml")):
        report.check(path.resolve() in used, f"{path}: no kustomization names it")


def check_schema(report, path, thing, version):
    where = f"{path}: {thing.get('kind')} {thing.get('metadata', {}).get('name')}"
    try:
        kubernetes_validate.validate(thing, version, strict=True)
        report.check(True, "")
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        report.check(False, f"{where}: {place}: {error.message}")
    except kubernetes_validate.SchemaNotFoundError as error:
        report.check(False, f"{where}: {error.message}")


Pod = collections.namedtuple("Pod", "labels ports")


def check_objects(report, overlay, objects, programs, stages):
    """That the objects of one overlay fit together."""
    of_kind = lambda *kinds: [(f"{path}: {each['kind']} {each['metadata']['name']}", each)
                              for path, each in objects if each["kind"] in kinds]
    names = {(each["kind"], each["metadata"]["name"]) for _, each in objects}
    pods = []
    for where, workload in of_kind("Deployment", "StatefulSet"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        check_selector(report, where, workload["spec"]["selector"]["matchLabels"], [Pod(labels, {})])
        check_pod_security(report, where, workload["spec"]["template"]["spec"])
        ports = check_pod(report, where, workload["spec"]["template"]["spec"], programs, stages)
        account = workload["spec"]["template"]["spec"].get("serviceAccountName")
        report.check(("ServiceAccount", account) in names, f"{where}: there is no ServiceAccount {account}")
        pods.append(Pod({**labels, **overlay.labels}, ports))
    services = {}
    for where, service in of_kind("Service"):
        met = check_selector(report, where, service["spec"]["selector"], pods)
        open_ports = {name: port for pod in met for name, port in pod.ports.items()}
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            known = target in open_ports or target in open_ports.values()
            report.check(known, f"{where}: nobody listens on {target}")
        headless = service["spec"].get("clusterIP") == "None"
        reached = set(open_ports.values()) if headless else {port["port"] for port in service["spec"]["ports"]}
        services[service["metadata"]["name"]] = (reached, {port["name"] for port in service["spec"]["ports"]})
    for where, thing in of_kind("PodDisruptionBudget"):
        check_selector(report, where, thing["spec"]["selector"]["matchLabels"], pods)
    for where, thing in of_kind("HorizontalPodAutoscaler"):
        target = thing["spec"]["scaleTargetRef"]
        key = (target["kind"], target["name"])
        report.check(key in names, f"{where}: there is no {' '.join(key)}")
    for where, policy in of_kind("NetworkPolicy"):
        check_network_policy(report, where, policy["spec"], pods)
    for where, ingress in of_kind("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                _, port_names = services.get(backend["name"], (set(), set()))
                report.check(backend["port"].get("name") in port_names, f"{where}: nobody serves {backend}")
    for where, workload in of_kind("Deployment"):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            if address := environment(container).get("NONO_BACKEND"):
                backend = urlsplit(address)
                reached, _ = services.get(backend.hostname, (set(), set()))
                report.check(backend.port in reached, f"{where}: nobody serves {address}")
    check_secrets(report, overlay, of_kind("Deployment"), names)


def check_selector(report, where, selector, pods):
    met = [pod for pod in pods if selector.items() <= pod.labels.items()]
    report.check(met, f"{where}: no pod has the labels {selector}")
    return met


def check_network_policy(report, where, spec, pods):
    chosen = check_selector(report, where, spec["podSelector"].get("matchLabels", {}), pods)
    for rule in spec.get("ingress", []):
        for port in rule.get("ports", []):
            known = any(port["port"] in pod.ports or port["port"] in pod.ports.values() for pod in chosen)
            report.check(known, f"{where}: lets callers in to {port['port']}, where nobody listens")
    for rule in spec.get("egress", []):
        for peer in rule.get("to", []):
            if "namespaceSelector" in peer or "podSelector" not in peer:
                continue
            met = check_selector(report, where, peer["podSelector"]["matchLabels"], pods)
            for port in rule.get("ports", []):
                known = any(port["port"] in pod.ports.values() for pod in met)
                report.check(known, f"{where}: lets calls out to {port['port']}, where nobody listens")


def check_secrets(report, overlay, workloads, names):
    """A Secret that is not generated is for the administrator to make; then the overlay must say how."""
    text = (overlay.folder / "kustomization.yaml").read_text()
    for where, workload in workloads:
        for volume in workload["spec"]["template"]["spec"].get("volumes", []):
            if secret := volume.get("secret", {}).get("secretName"):
                made = secret in overlay.generated or ("Secret", secret) in names or secret in text
                report.check(made, f"{where}: nothing makes or mentions the Secret {secret}")


def environment(container):
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}


def check_pod(report, where, pod, programs, stages):
    """The named ports of a pod."""
    ports = {}
    for container in pod["containers"]:
        declared = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        ports.update(declared)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            action = container.get(probe, {})
            report.check(action, f"{where}: {container['name']} has no {probe}")
            port = action.get("httpGet", action.get("tcpSocket", {})).get("port")
            if port is not None:
                report.check(port in declared or port in declared.values(), f"{where}: {probe} asks port {port}")
        resources = container.get("resources", {})
        complete = all({"cpu", "memory"} <= set(resources.get(part, {})) for part in ("requests", "limits"))
        report.check(complete, f"{where}: {container['name']} lacks a request or a limit")
        if program := program_of(container["image"], programs):
            variables = environment(container)
            arguments = container.get("command", []) + container.get("args", [])
            check_container(report, Container(where, program, variables, arguments, declared), programs, stages)
            inherited = stages[program].variables if program in stages else {}
            grace, needed = pod.get("terminationGracePeriodSeconds", 30), stop_seconds({**inherited, **variables})
            report.check(grace >= needed, f"{where}: is killed after {grace} s, may take {needed} s to stop")
            check_files(report, where, container, variables)
    return ports


def check_files(report, where, container, variables):
    folders = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    for name, value in variables.items():
        if name.endswith("_FILE") or name == "NONO_PERSONAS":
            mounted = any(Path(value).is_relative_to(folder) for folder in folders)
            report.check(mounted, f"{where}: {name}={value} is on no volume")


def check_pod_security(report, where, pod):
    """What the restricted standard of pod security asks for."""
    context = pod.get("securityContext", {})
    report.check(context.get("runAsNonRoot") is True, f"{where}: may run as root")
    report.check(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{where}: has no seccomp profile")
    report.check(pod.get("automountServiceAccountToken") is False, f"{where}: gets a token that it does not need")
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        strict = (
            own.get("allowPrivilegeEscalation") is False
            and own.get("readOnlyRootFilesystem") is True
            and own.get("capabilities", {}).get("drop") == ["ALL"]
        )
        report.check(strict, f"{where}: {container['name']} is not restricted")


def check_mentions(report, root, programs):
    """Every setting that any text names, comments included."""
    known = set().union(*(program.variables for program in programs.values()))
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".py":
            for name in sorted(set(SETTING.findall(path.read_text()))):
                report.check(name in known, f"{path}: no program knows {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in NAMES:
        parser.add_argument(name, help=f"the program {name}")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent, help="the folder to check")
    parser.add_argument("--kubernetes", default=kubernetes_validate.latest_version(), help="the version of the schemas")
    arguments = parser.parse_args()
    try:
        programs = {name: Program(getattr(arguments, name)) for name in NAMES}
    except (OSError, subprocess.SubprocessError) as error:
        parser.error(f"a program does not tell its settings: {error}")
    root = arguments.root.resolve()
    report = Report(root)
    check_mentions(report, root, programs)
    stages = check_dockerfile(report, root / "Dockerfile", programs)
    check_compose(report, root / "compose.yaml", programs, stages)
    check_kubernetes(report, root / "kubernetes", arguments.kubernetes, programs, stages)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
