#!/usr/bin/env python3
"""run.py - seven agents, headless, against `octet serve` with answers from a script: do they do what their users expect?

Runs each agent in a network namespace that has nothing but loopback, with a home directory of its own, through four scenes:

  tool    the model calls the agent's shell tool once, then ends; the agent has to run it and to print the final text
  resume  a second prompt continues the session of `tool`
  long    the tool's output fills the context: the second request is refused as too long
  cut     the connection is cut in the middle of the first answer; the agent has to ask again

The model's words come from a script (src/api/script.h); tokens, templates, tool-call parser and protocol are real. With --model DIR --free the model speaks
for itself in the scene `tool`, and only the exit code counts. Needs root or user namespaces, and build/agents (tools/agents.sh).
SPDX-License-Identifier: MIT
"""
import argparse
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

CONTEXT = 32768
LIMIT_S = 150
MODEL = "octet-local"


def call(name, arguments):
    """A tool call as Qwen3-Coder writes it."""
    parameters = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in arguments.items())
    return f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>"


class Agent:
    """How one agent is told about the server and asked something. `shell` makes the call of its shell tool for a command."""

    def __init__(self, name, program, shell, first, again, setup=None, launch=None, env=None, on_long=(0,)):
        self.name, self.program, self.shell = name, program, shell
        self.first, self.again = first, again  # arguments around PROMPT; again: None where it cannot resume headless
        self.setup, self.launch, self.env = setup, launch, env or {}
        self.on_long = on_long  # exit codes that are right after a request that was too long


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def setup_codex(home, url):
    os.makedirs(f"{home}/.codex", exist_ok=True)
    write(f"{home}/.codex/config.toml", "check_for_update_on_startup = false\n[analytics]\nenabled = false\n[feedback]\nenabled = false\n")


def setup_qwen(home, url):
    write(f"{home}/.qwen/settings.json", json.dumps({
        "security": {"auth": {"selectedType": "openai"}}, "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False}, "general": {"disableAutoUpdate": True}}))


def setup_pi(home, url):
    write(f"{home}/.pi/agent/models.json", json.dumps({"providers": {"local": {
        "baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": "local",
        "models": [{"id": MODEL, "contextWindow": CONTEXT, "maxTokens": 4096}]}}}))


def setup_continue(home, url):
    write(f"{home}/.continue/config.yaml", f"""name: local
version: 1.0.0
schema: v1
models:
  - name: local
    provider: openai
    model: {MODEL}
    apiBase: {url}/v1
    apiKey: local
    roles: [chat]
    capabilities: [tool_use]
    defaultCompletionOptions:
      contextLength: {CONTEXT}
""")


AGENTS = [
    Agent("claude-code", "claude", lambda c: call("Bash", {"command": c, "description": "look"}),
          ["-p", "PROMPT", "--allowedTools", "Bash"], ["--continue", "-p", "PROMPT", "--allowedTools", "Bash"], launch="claude"),
    Agent("codex", "codex", lambda c: call("exec_command", {"cmd": c}),
          ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "PROMPT"],
          ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "resume", "--last", "PROMPT"],
          setup=setup_codex, launch="codex", on_long=(0, 1)),
    Agent("opencode", "opencode", lambda c: call("bash", {"command": c, "description": "look"}),
          ["run", "PROMPT"], ["run", "--continue", "PROMPT"], launch="opencode", on_long=(0, 1),
          env={"OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_SHARE": "1", "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1"}),
    Agent("qwen-code", "qwen", lambda c: call("run_shell_command", {"command": c, "is_background": "false"}),
          ["--yolo", "-p", "PROMPT"], ["--yolo", "--continue", "-p", "PROMPT"], setup=setup_qwen, launch="qwen"),
    Agent("pi", "pi", lambda c: call("bash", {"command": c}),
          ["--provider", "local", "--model", MODEL, "-p", "PROMPT"],
          ["--provider", "local", "--model", MODEL, "--continue", "-p", "PROMPT"], setup=setup_pi,
          env={"PI_OFFLINE": "1", "PI_TELEMETRY": "0", "PI_SKIP_VERSION_CHECK": "1"}),
    Agent("continue", "cn", lambda c: call("Bash", {"command": c}),
          ["--config", "HOME/.continue/config.yaml", "--auto", "-p", "PROMPT"],
          ["--config", "HOME/.continue/config.yaml", "--auto", "--resume", "-p", "PROMPT"], setup=setup_continue,
          env={"CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_METRICS_ENABLED": "0"}, on_long=(0, 1)),
    Agent("cline", "cline", lambda c: call("run_commands", {"commands": json.dumps([c])}),
          ["PROMPT"], None, env={"CLINE_NO_AUTO_UPDATE": "1"}),
]


def loopback_up():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flags = struct.unpack("16sh", fcntl.ioctl(s, 0x8913, struct.pack("16sh", b"lo", 0)))[1]
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", flags | 1))
    s.close()


class Server:
    """octet serve on a free port, with a script or with the model's own words."""

    def __init__(self, octet, model, script=None, context=CONTEXT):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        arguments = [octet, "serve", model, "--port", "0", "--alias", MODEL, "--context", str(context)]
        if script:
            self.script = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
            self.script.write("".join(json.dumps(r) + "\n" for r in script))
            self.script.flush()
            arguments += ["--script", self.script.name]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = None
        for line in self.process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.url = found.group(0)
                break
        if not self.url:
            raise RuntimeError("octet serve did not start: " + open(self.log.name).read()[-2000:])

    def close(self):
        self.process.terminate()
        self.process.wait(30)


class Cutter:
    """A proxy that cuts the first `cuts` streamed answers of requests with tools after some of their bytes; all else passes."""

    def __init__(self, url, cuts):
        self.target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self.cuts, self.lock = cuts, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(self.target)
        state = {"cut": False}
        up = threading.Thread(target=self.pump_up, args=(client, server, state), daemon=True)
        up.start()
        sent = 0
        try:
            while data := server.recv(65536):
                sent += len(data)
                if state["cut"] and sent > 400:
                    client.shutdown(socket.SHUT_RDWR)
                    break
                client.sendall(data)
        except OSError:
            pass
        client.close()
        server.close()

    def pump_up(self, client, server, state):
        try:
            while data := client.recv(65536):
                if not state["cut"] and re.search(rb'"tools"\s*:\s*\[\s*\{', data):
                    with self.lock:
                        state["cut"], self.cuts = self.cuts > 0, self.cuts - 1
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def ask(agent, a, url, home, work, arguments, prompt):
    if agent.setup:
        agent.setup(home, url)
    if agent.name == "cline":
        subprocess.run(["cline", "auth", "-p", "openai-compatible", "-k", "local", "-m", MODEL, "-b", f"{url}/v1"], env=a.env(home),
                       cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    words = [prompt if w == "PROMPT" else w.replace("HOME", home) for w in arguments]
    command = [agent.program] + words
    if agent.launch:
        command = [a.octet, "launch", agent.launch, "--url", url, "--model", MODEL, "--"] + words
    started = time.time()
    try:
        done = subprocess.run(command, env=dict(a.env(home), **agent.env), cwd=work, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=LIMIT_S)
        return done.returncode, done.stdout + done.stderr, time.time() - started
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode(errors="replace") + (e.stderr or b"").decode(errors="replace")
        return 124, out, time.time() - started


def scene_script(agent, scene):
    look = agent.shell("ls" if scene != "long" else "cat big.txt")
    if scene == "long":
        return [{"tools": True, "text": look, "times": 1}, {"text": "A summary: the user wanted to see a file. FINAL-LONG"}]
    first = {"tools": True, "text": look, "times": 2 if scene == "cut" else 1}
    return [{"tools": False, "text": "A title"}, first,
            {"tools": True, "contains": "", "text": f"There is hello.txt. FINAL-{scene.upper()}", "times": 1},
            {"tools": True, "text": agent.shell("cat hello.txt"), "times": 1}, {"text": "It says hello. FINAL-RESUME"}]


class Run:
    def __init__(self, args):
        self.octet, self.args = os.path.abspath(args.octet), args
        self.bin = os.path.abspath(os.path.join(args.prefix, "node_modules", ".bin"))
        self.passed = self.failed = self.skipped = 0

    def env(self, home):
        keep = {k: v for k, v in os.environ.items() if k in ("LANG", "TERM", "TMPDIR")}
        return dict(keep, HOME=home, PATH=f"{self.bin}:/usr/local/bin:/usr/bin:/bin", SHELL="/bin/sh", NO_COLOR="1", CI="1")

    def tell(self, agent, scene, ok, code, seconds, out):
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {agent.name:12} {scene:7} exit {code:3} {seconds:6.1f} s", flush=True)
        if not ok or self.args.verbose:
            print("    " + out[-3000:].replace("\n", "\n    "))

    def scene(self, agent, scene, home, work):
        context = CONTEXT
        server = Server(self.octet, self.args.model, None if self.args.free else scene_script(agent, scene), context)
        cutter = Cutter(server.url, 1) if scene == "cut" else None
        url = cutter.url if cutter else server.url
        try:
            code, out, s = ask(agent, self, url, home, work, agent.first, "Which files are here?" if scene != "long" else "Show me big.txt")
            want = code in agent.on_long if scene == "long" else code == 0 and (self.args.free or f"FINAL-{scene.upper()}" in out)
            self.tell(agent, scene, want, code, s, out + open(server.log.name).read()[-1500:] if not want else out)
            if scene == "tool" and agent.again and not self.args.free:
                code, out, s = ask(agent, self, url, home, work, agent.again, "And what does it say?")
                self.tell(agent, "resume", code == 0 and "FINAL-RESUME" in out, code, s, out)
        finally:
            if cutter:
                cutter.close()
            server.close()

    def all(self):
        for agent in AGENTS:
            if self.args.agent and agent.name not in self.args.agent:
                continue
            if not os.path.exists(os.path.join(self.bin, agent.program)):
                self.skipped += 1
                print(f"skip {agent.name}: not installed")
                continue
            for scene in ["tool"] if self.args.free else self.args.scene or ["tool", "long", "cut"]:
                home, work = tempfile.mkdtemp(), tempfile.mkdtemp()
                write(f"{work}/hello.txt", "hello\n")
                write(f"{work}/big.txt", "".join(f"line {i}: {i * 7919 % 10007} apples and {i * 104729 % 1299709} pears\n" for i in range(1200)))
                try:
                    self.scene(agent, scene, home, work)
                finally:
                    shutil.rmtree(home, ignore_errors=True)
                    shutil.rmtree(work, ignore_errors=True)
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def main():
    p = argparse.ArgumentParser(description="runs seven agents against octet serve")
    p.add_argument("--octet", default="./octet")
    p.add_argument("--model", default="models/octet-mini")
    p.add_argument("--prefix", default="build/agents")
    p.add_argument("--agent", action="append", help="only this one; may be repeated")
    p.add_argument("--scene", action="append", choices=["tool", "long", "cut"])
    p.add_argument("--free", action="store_true", help="the model speaks for itself")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if not args.inside:
        os.execvp("unshare", ["unshare", "-rn" if os.getuid() else "-n", sys.executable] + sys.argv + ["--inside"])
    loopback_up()
    sys.exit(Run(args).all())


if __name__ == "__main__":
    main()
