"""git's own CGI, `git http-backend`, behind nginx with fcgiwrap, and behind Apache."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from contrib.bench.servers import GIT, PASSWORD, Host, answers, free_port, program

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = 16  # CGI processes; ten clones, and somebody who pushes meanwhile

NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $uri$arg_service $who {{ default off; ~git-receive-pack$ git; }}
  server {{
    listen 127.0.0.1:{port};
    auth_basic $who; auth_basic_user_file {folder}/passwords;
    location / {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_buffering off; fastcgi_request_buffering off; fastcgi_read_timeout 1h;
      fastcgi_pass unix:{folder}/fcgi.sock;
    }}
  }}
}}
"""

APACHE = """ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authn_file_module {modules}/mod_authn_file.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule auth_basic_module {modules}/mod_auth_basic.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule env_module {modules}/mod_env.so
LoadModule setenvif_module {modules}/mod_setenvif.so
LoadModule cgid_module {modules}/mod_cgid.so
{user}
ScriptSock {folder}/cgi.sock
Timeout 3600
MaxKeepAliveRequests 0
KeepAliveTimeout 75
PassEnv GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
SetEnv GIT_PROJECT_ROOT {root}
SetEnv GIT_HTTP_EXPORT_ALL
SetEnvIf Git-Protocol ".*" GIT_PROTOCOL=$0
ScriptAlias / {backend}/
<Directory "/">
  Require all granted
</Directory>
<If "%{{QUERY_STRING}} =~ /service=git-receive-pack/ || %{{REQUEST_URI}} =~ m#/git-receive-pack$#">
  AuthType Basic
  AuthName git
  AuthUserFile {folder}/passwords
  Require valid-user
</If>
"""
APACHE_MODULES = "/usr/lib/apache2/modules"


class CgiHost(Host):
    """Serves copies of bare repositories in a folder."""

    programs: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.port = free_port()
        self._running: list[subprocess.Popen[bytes]] = []
        self._env = GIT | {"GIT_CONFIG_GLOBAL": str(folder / "gitconfig")}
        (folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n[receive]\n\tfsckObjects = true\n")

    @classmethod
    def missing(cls) -> list[str]:
        """The programs that it needs and this machine lacks."""
        return [name for name in cls.programs if not program(name)]

    @property
    def backend(self) -> str:
        found = subprocess.run(["git", "--exec-path"], env=GIT, text=True, check=True, stdout=subprocess.PIPE)
        return found.stdout.strip() + "/git-http-backend"

    def start(self) -> float:
        began = time.perf_counter()
        self.launch()
        while not answers(f"http://127.0.0.1:{self.port}/"):
            if any(process.poll() is not None for process in self._running):
                raise RuntimeError(f"{self.title} ended: {(self.folder / 'log').read_text()}")
            time.sleep(0.01)
        return time.perf_counter() - began

    @abstractmethod
    def launch(self) -> None:
        """Start its processes."""

    def run(self, *command: str) -> None:
        self._running.append(self.spawn(*command, env=self._env, log=self.folder / "log", new_session=True))

    def stop(self) -> None:
        for process in reversed(self._running):
            os.killpg(process.pid, signal.SIGTERM)  # fcgiwrap leaves its children behind otherwise
            process.wait(10)
        self._running.clear()

    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}.git"

    def add(self, name: str, source: Path) -> None:
        target = self.root / f"{name}.git"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("hooks", "logs", "*.promisor"))
        self.own(target)

    def prepare_push(self, name: str) -> None:
        target = self.root / f"{name}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(target)], env=GIT, check=True)
        self.own(target)

    def check_pushes(self, name: str, *, check: bool) -> None:
        """Whether pushes to `name` are looked through by fsck."""
        set_it = ["git", "config", "receive.fsckObjects", str(check).lower()]
        subprocess.run(set_it, cwd=self.root / f"{name}.git", env=self._env, check=True)

    def upkeep(self) -> None:
        """What a careful operator has cron do."""
        for repository in self.root.iterdir():
            repack = ["git", "repack", "-a", "-d", "-b", "--quiet"]
            subprocess.run(repack, cwd=repository, env=self._env, check=True)
            self.own(repository)

    def own(self, repository: Path) -> None:
        """Let the server's user write into `repository`."""


class Nginx(CgiHost):
    title = "nginx + git http-backend"
    programs = ("nginx", "fcgiwrap")

    def launch(self) -> None:
        config = self.folder / "nginx.conf"
        config.write_text(
            NGINX.format(folder=self.folder, port=self.port, root=self.root, backend=self.backend), encoding="utf-8"
        )
        (self.folder / "passwords").write_text(f"{self.user}:{{PLAIN}}{PASSWORD}\n")
        sock = self.folder / "fcgi.sock"
        sock.unlink(missing_ok=True)
        self.run("fcgiwrap", "-c", str(AT_ONCE), "-s", f"unix:{sock}")
        while not sock.exists():
            time.sleep(0.01)
        sock.chmod(0o777)
        user = ("-g", "user root;") if os.geteuid() == 0 else ()
        self.run("nginx", "-c", str(config), "-p", str(self.folder), *user)


class Apache(CgiHost):
    title = "Apache + git http-backend"
    programs = ("apache2", "htpasswd")

    def launch(self) -> None:
        user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""  # it refuses to serve as root
        (self.folder / "apache.conf").write_text(
            APACHE.format(
                folder=self.folder,
                port=self.port,
                root=self.root,
                backend=self.backend,
                user=user,
                modules=APACHE_MODULES,
            )
        )
        made = subprocess.run(["htpasswd", "-nbs", self.user, PASSWORD], check=True, stdout=subprocess.PIPE)
        (self.folder / "passwords").write_bytes(made.stdout)
        self.own(self.root)
        for folder in (self.folder, *self.folder.parents[:2]):  # this run's own
            folder.chmod(folder.stat().st_mode | 0o011)
        self.run("apache2", "-f", str(self.folder / "apache.conf"), "-DFOREGROUND")

    def own(self, repository: Path) -> None:
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody:nogroup", str(repository)], check=True)
