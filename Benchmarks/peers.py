"""The peers Estiba is measured against, each set up for this run only, on loopback, and ended with it."""
import os, shutil, signal, subprocess, tempfile, time

HOSTS = [f"127.0.1.{i}" for i in range(1, 11)]


class Ssh:
    """One sshd on a port of its own that answers for ten loopback addresses; plain ssh, pdsh and clush run over it."""

    def __init__(self, port=2299):
        self.folder = tempfile.mkdtemp(prefix="estiba-bench-ssh-")
        self.port = port
        f = self.folder
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{f}/{name}"], check=True)
        shutil.copy(f"{f}/user.pub", f"{f}/authorized")
        with open(f"{f}/sshd", "w") as out:
            out.write(f"Port {port}\nPort {port + 1}\nListenAddress 0.0.0.0\nSubsystem sftp internal-sftp\nHostKey {f}/host\nAuthorizedKeysFile {f}/authorized\n"
                      "PermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\nMaxStartups 100:30:200\n")
            # One machine for ten addresses: by the second port each has a folder of its own for the files it takes.
            for host in HOSTS:
                os.makedirs(self.taken(host))
                out.write(f"Match LocalAddress {host} LocalPort {port + 1}\n ForceCommand internal-sftp -d {self.taken(host)}\n")
        with open(f"{f}/client", "w") as out:
            out.write(f"Host *\n Port {port}\n IdentityFile {f}/user\n StrictHostKeyChecking no\n"
                      f" UserKnownHostsFile {f}/known\n LogLevel ERROR\n")
        os.makedirs("/run/sshd", exist_ok=True)
        self.process = subprocess.Popen([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-f", f"{f}/sshd"])
        self.environment = dict(os.environ, PDSH_SSH_ARGS=f"-F {f}/client -2 -a -x %h", PDSH_RCMD_TYPE="ssh")
        deadline = time.monotonic() + 10
        while subprocess.run(self.ssh("true"), capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError("sshd does not answer")
        for host in HOSTS:
            subprocess.run(["ssh", "-F", f"{f}/client", host, "true"], capture_output=True)

    def ssh(self, command):
        return ["ssh", "-F", f"{self.folder}/client", HOSTS[0], command]

    def pdsh(self, hosts, command):
        return ["pdsh", "-S", "-w", ",".join(hosts), command]

    def clush(self, hosts, command):
        return ["clush", "-S", "-w", ",".join(hosts), "-o", f"-F {self.folder}/client", command]

    def taken(self, host):
        """The folder of what an address takes by `clush_copy`."""
        return f"{self.folder}/to-{host}"

    def clush_copy(self, hosts, file):
        return ["clush", "-S", "-w", ",".join(hosts), "-o", f"-F {self.folder}/client -o Port={self.port + 1}", "--copy", file,
                "--dest", os.path.basename(file)]

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Salt:
    """A master and ten minions of Salt (PyPI), from the environment in ESTIBA_SALT (its bin folder), or none."""

    def __init__(self):
        self.bin = os.environ.get("ESTIBA_SALT") or os.path.dirname(shutil.which("salt-master") or "")
        if not self.bin:
            raise FileNotFoundError("salt-master")
        self.folder = tempfile.mkdtemp(prefix="estiba-bench-salt-")
        self.processes = []
        # What its master serves as salt://
        self.files = f"{self.folder}/files"
        os.makedirs(self.files)
        self.start("master", f"file_roots: {{base: [{self.files}]}}\ninterface: 127.0.0.1\npublish_port: 24505\nret_port: 24506\nauto_accept: True\n"
                   "worker_threads: 5\n")
        for i in range(1, 11):
            self.start("minion", f"master: 127.0.0.1\npublish_port: 24505\nmaster_port: 24506\nid: m{i}\n"
                       "mine_enabled: False\nacceptance_wait_time: 1\n", f"m{i}")
        deadline = time.monotonic() + 240
        while True:
            done = subprocess.run(self.salt("/bin/true"), capture_output=True, text=True)
            if sum(line.startswith("m") and line.endswith(":") for line in done.stdout.splitlines()) == 10 \
                    and "did not return" not in done.stdout and "No response" not in done.stdout:
                return
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError("Salt's minions do not answer")
            time.sleep(2)

    def start(self, kind, text, name="master"):
        folder = f"{self.folder}/{name}"
        os.makedirs(folder)
        with open(f"{folder}/{kind}", "w") as out:
            out.write(f"user: root\nroot_dir: {folder}\npki_dir: {folder}/pki\ncachedir: {folder}/cache\n"
                      f"sock_dir: {folder}/sock\nlog_file: {folder}/log\nlog_level: error\n{text}")
        self.processes.append(subprocess.Popen(
            [f"{self.bin}/salt-{kind}", "-c", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True))

    def salt(self, command):
        return self.command("cmd.run_all", command)

    def command(self, *words):
        return [f"{self.bin}/salt", "-c", f"{self.folder}/master", "--timeout", "60", "*", *words]

    def close(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 10
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
