"""The small pipeline on a real Slurm of one node, which the test starts on the loopback interface and stops."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.small_project import Project, one_network

CONFIGURATION = Path("/etc/slurm/slurm.conf")  # a job's inner srun looks nowhere else
MARK = "# Written by Drillcore's tests; removed at their end"
DAEMONS = ["munged", "slurmctld", "slurmd"]
PROFILE = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "12"]  # about what a job takes
STATISTICS = "artifacts/squeeze/gradient_stats.json"
FILES = [STATISTICS, "artifacts/squeeze/activations.h5"]

pytestmark = [pytest.mark.slow, pytest.mark.soak]


def why_not():
    """Why Slurm cannot be started here, or None."""
    missing = [name for name in [*DAEMONS, "sbatch"] if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurm-wlm munge"
    if os.getuid():
        return "only root can start Slurm"
    if CONFIGURATION.exists() and MARK not in CONFIGURATION.read_text():
        return f"{CONFIGURATION} is another Slurm's"
    return None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def configuration(folder, host):
    """slurm.conf of one node on the loopback interface, with no GPU."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return f"""{MARK}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
GresTypes=gpu
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={memory * 9 // 10} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


class Slurm:
    """munged, slurmctld and slurmd as processes of this one."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []

    def __enter__(self):
        self.folder.chmod(0o755)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.write_text(configuration(self.folder, socket.gethostname().split(".")[0]))
        files = [f"--{name}={self.folder}/munge.{name.split('-')[0]}" for name in ("key-file", "socket", "pid-file")]
        self.daemon("munged", "--foreground", "--force", *files, f"--seed-file={self.folder}/munge.seed")
        self.wait(lambda: (self.folder / "munge.socket").exists())
        self.daemon("slurmctld", "-D", "-c")
        self.daemon("slurmd", "-D")
        self.wait(lambda: ask("sinfo", "--noheader", "--format=%t") == "idle")
        return self

    def daemon(self, name, *arguments):
        log = (self.folder / f"{name}.log").open("w")
        path = shutil.which(name, path="/usr/sbin")
        self.processes.append(subprocess.Popen([path, *arguments], stdout=log, stderr=log, start_new_session=True))

    def wait(self, ready):
        if not wait(ready):
            logs = "\n".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))
            pytest.fail(f"Slurm did not start:\n{logs}")

    def __exit__(self, *_):
        subprocess.run(["scancel", "--user=root"], timeout=300)
        wait(lambda: ask("squeue", "--noheader") == "")
        for process in reversed(self.processes):
            process.terminate()
            process.wait(timeout=300)
        CONFIGURATION.unlink()


def wait(ready):
    """Wait, ten minutes at most, for `ready` to become true; returns whether it has."""
    for _ in range(6000):
        if ready():
            return True
        time.sleep(0.1)
    return False


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout.strip()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A Slurm that runs."""
    if reason := why_not():
        pytest.skip(reason)
    with Slurm(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture
def project(slurm, made, tmp_path):
    """A copy of the small project as DVC made it, without the statistics of gradients."""
    project = made.copy(tmp_path / "copy")
    project.change(one_network)
    (project.folder / STATISTICS).unlink()
    return project


def fails(project, *command):
    """Run what must fail; returns what it printed."""
    with pytest.raises(AssertionError) as failure:
        project.run(*command)
    return str(failure.value)


def test_the_pipeline_runs_on_slurm(slurm, tmp_path):
    project = Project(tmp_path)
    project.change(one_network)
    output = project.run("snakemake", *PROFILE, *FILES)
    assert output.count("has been submitted with SLURM jobid") == 4  # download and define stay on this machine
    assert project.planned(FILES) == set()
    assert "up to date" in project.run("dvc", "status", "--with-deps", "activations@squeeze", "gradients@squeeze")


@pytest.mark.parametrize(
    ("resource", "said"),
    [("mem_mb=999999999", "Memory specification can not be satisfied"), ("gpu=1", "Requested node configuration")],
)
def test_a_job_that_asks_for_more_than_there_is_fails_at_once(project, resource, said):
    output = fails(project, "snakemake", *PROFILE, STATISTICS, "--set-resources", f"gradients_squeeze:{resource}")
    assert said in output
    assert ask("squeue", "--noheader") == ""


def test_a_killed_snakemake_goes_on_after_scancel_and_unlock(project):
    command = ["snakemake", *PROFILE, STATISTICS]
    snakemake = project.start(*command)
    assert wait(lambda: ask("squeue", "--noheader", "--format=%t") == "R")
    snakemake.kill()
    snakemake.communicate()
    assert "--unlock" in fails(project, *command)
    subprocess.run(["scancel", "--user=root"], timeout=300)
    assert wait(lambda: ask("squeue", "--noheader") == "")
    project.run("snakemake", "--unlock")
    project.run(*command)
    assert (project.folder / STATISTICS).exists()
    assert project.planned(FILES) == set()


def test_a_job_that_fails_shows_its_log(project):
    def edit(parameters):
        parameters["gradients"]["thresholds"] = [-1.0]

    project.change(edit)
    output = fails(project, "snakemake", *PROFILE, STATISTICS)
    assert "gradients.thresholds.0 is -1.0" in output
    assert "logs/gradients@squeeze.log" in output
    assert "SLURM status is: 'FAILED'" in output
