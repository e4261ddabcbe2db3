#!/usr/bin/env python3
"""run.py - seven agents, headless, against `octet serve` with answers from a script: do they do what their users expect?

Runs each agent in a network namespace that has nothing but loopback, with a home directory of its own, through four scenes:

  tool    the model calls the agent's shell tool once, then ends; the agent has to run it and to print the final text
  resume  a second prompt continues the session of `tool`
  long    the output of a tool fills the context: the request with it is refused as too long, and the agent compacts or stops with a clear word;
          or the agent, which knows the context, compacts before
  cut     the connection is cut in the middle of the first answer; the agent has to ask again

The model's words come from a script (src/api/script.h); tokens, templates, tool-call parser and protocol are real. With --model DIR --free the model speaks
for itself in the scene `tool`, and only the exit code counts. Needs root or user namespaces, and build/agents (tools/agents.sh).
SPDX-License-Identifier: MIT
"""
import argparse
import fcntl
import json
import os
import random
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

    def __init__(self, name, program, shell, first, again, setup=None, launch=None, env=None, on_long=(0, "FINAL-LONG"), files=1):
        self.name, self.program, self.shell = name, program, shell
        self.first, self.again = first, again  # arguments around PROMPT; again: None where it cannot resume headless
        self.setup, self.launch, self.env = setup, launch, env or {}
        self.on_long = on_long  # exit code and words after a request that was too long: most compact and go on
        self.files = files  # how many outputs fill the context: compacting can leave only whole ones out


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
          ["-p", "PROMPT", "--allowedTools", "Bash"], ["--continue", "-p", "PROMPT", "--allowedTools", "Bash"], launch="claude", files=3),
    Agent("codex", "codex", lambda c: call("exec_command", {"cmd": c}),
          ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "PROMPT"],
          ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "resume", "--last", "PROMPT"],
          setup=setup_codex, launch="codex"),
    Agent("opencode", "opencode", lambda c: call("bash", {"command": c, "description": "look"}),
          ["run", "PROMPT"], ["run", "--continue", "PROMPT"], launch="opencode", on_long=(1, "maximum context length is"),
          env={"OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_SHARE": "1", "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1"}),
    Agent("qwen-code", "qwen", lambda c: call("run_shell_command", {"command": c, "is_background": "false"}),
          ["--yolo", "-p", "PROMPT"], ["--yolo", "--continue", "-p", "PROMPT"], setup=setup_qwen, launch="qwen"),
    Agent("pi", "pi", lambda c: call("bash", {"command": c}),
          ["--provider", "local", "--model", MODEL, "-p", "PROMPT"],
          ["--provider", "local", "--model", MODEL, "--continue", "-p", "PROMPT"], setup=setup_pi,
          env={"PI_OFFLINE": "1", "PI_TELEMETRY": "0", "PI_SKIP_VERSION_CHECK": "1"}, on_long=(0, "")),
    Agent("continue", "cn", lambda c: call("Bash", {"command": c}),
          ["--config", "HOME/.continue/config.yaml", "--auto", "-p", "PROMPT"],
          ["--config", "HOME/.continue/config.yaml", "--auto", "--resume", "-p", "PROMPT"], setup=setup_continue,
          env={"CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_METRICS_ENABLED": "0"}, on_long=(1, "maximum context length is")),
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

    def said(self):
        return open(self.log.name, errors="replace").read()

    def prompts(self):
        """Prompt tokens of each answered request."""
        return [int(n) for n in re.findall(r" access .* POST /v1/\S+ 200 in=(\d+) ", self.said())]

    def refused(self):
        return len(re.findall(r" access .* POST /v1/\S+ 400 ", self.said()))

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
    env = dict(a.env(home), **agent.env)
    if agent.launch:
        command = [a.octet, "launch", agent.launch, "--url", url, "--model", MODEL, "--"] + words
    started = time.time()
    try:
        done = subprocess.run(command, env=env, cwd=work, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=LIMIT_S)
        return done.returncode, done.stdout + done.stderr, time.time() - started
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode(errors="replace") + (e.stderr or b"").decode(errors="replace")
        return 124, out, time.time() - started


WORDS = """the a file line of code that is in and to for with on as this by from at be or an not are it was you can if all has use one will new have more
when which each other time been made than only some into its two no way may out so up what then them these about many most""".split()


def filling(agent, k):
    """The k-th file of the scene `long`: together they are a little more than room(agent). Where one is enough, its bytes are digits and as many tokens,
    which an agent that estimates four bytes to a token does not foresee."""
    rng = random.Random(k)
    if agent.files == 1:
        return "".join("".join(rng.choice("0123456789") for _ in range(89)) + "\n" for _ in range(100))
    return "".join(" ".join(rng.choice(WORDS) for _ in range(16)) + "\n" for _ in range(280))


def room(agent):
    """Tokens that the context of the scene `long` holds beyond the agent's first prompt."""
    return 4000 if agent.files == 1 else 9000 * agent.files


def roomy(model, where):
    """The model with a longer context, in the directory `where`: what it would say there is worth nothing, but here a script speaks."""
    for name in os.listdir(model):
        if name != "config.json":
            os.symlink(os.path.abspath(os.path.join(model, name)), os.path.join(where, name))
    with open(os.path.join(model, "config.json")) as f:
        config = json.load(f)
    write(os.path.join(where, "config.json"), json.dumps(dict(config, max_position_embeddings=4 * config["max_position_embeddings"])))
    return where


def scene_script(agent, scene):
    if scene == "long":
        calls = [{"tools": True, "text": agent.shell(f"cat {k}.txt"), "times": 1} for k in range(agent.files)]
        # An agent that asks for a summary in tags asks again for one without them, or for one that is too short.
        sections = "".join(f"{k}. Section {k}: the user asked to see files of words; each was read once with the shell and shown whole.\n" for k in range(1, 10))
        tagged = f"<analysis>\nThe user wanted to see files.\n</analysis>\n\n<summary>\n{sections}</summary>"
        return [{"contains": "<summary>", "text": tagged}] + calls + [{"text": "A summary: the user wanted to see files. FINAL-LONG"}]
    look = agent.shell("ls")
    first = {"tools": True, "text": look, "times": 2 if scene == "cut" else 1}
    return [{"tools": False, "text": "A title"}, first,
            {"tools": True, "contains": "", "text": f"There is hello.txt. FINAL-{scene.upper()}", "times": 1},
            {"tools": True, "text": agent.shell("cat hello.txt"), "times": 1}, {"text": "It says hello. FINAL-RESUME"}]


class Run:
    def __init__(self, args):
        self.octet, self.args = os.path.abspath(args.octet), args
        self.bin = os.path.abspath(os.path.join(args.prefix, "node_modules", ".bin"))
        self.passed = self.failed = self.skipped = 0
        self.first_prompt = {}  # of the scene before, by agent, in tokens: what the scene `long` takes its context from

    def env(self, home):
        keep = {k: v for k, v in os.environ.items() if k in ("LANG", "TERM", "TMPDIR")}
        return dict(keep, HOME=home, PATH=f"{self.bin}:/usr/local/bin:/usr/bin:/bin", SHELL="/bin/sh", NO_COLOR="1", CI="1")

    def tell(self, agent, scene, ok, code, seconds, out, server):
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        out += "" if ok else "\n--- the server said:\n" + server.said()[-1500:]
        print(f"{'ok  ' if ok else 'FAIL'} {agent.name:12} {scene:7} exit {code:3} {seconds:6.1f} s", flush=True)
        if not ok or self.args.verbose:
            print("    " + out[-4000:].replace("\n", "\n    "))

    def scene(self, agent, scene, home, work):
        context = self.first_prompt[agent.name] + room(agent) if scene == "long" else CONTEXT
        model = self.args.model
        if scene == "long" and agent.files > 1:
            model = roomy(model, tempfile.mkdtemp(dir=home))
        server = Server(self.octet, model, None if self.args.free else scene_script(agent, scene), context)
        cutter = Cutter(server.url, 1) if scene == "cut" else None
        url = cutter.url if cutter else server.url
        try:
            prompt = "Which files are here?" if scene != "long" else "Show me the files"
            code, out, s = ask(agent, self, url, home, work, agent.first, prompt)
            if scene == "long":
                ok = code == agent.on_long[0] and agent.on_long[1] in out and (server.refused() > 0 or len(server.prompts()) > agent.files + 1)
            else:
                ok = code == 0 and (self.args.free or f"FINAL-{scene.upper()}" in out)
            self.first_prompt[agent.name] = max(server.prompts(), default=0)
            self.tell(agent, scene, ok, code, s, out, server)
            if scene == "tool" and agent.again and not self.args.free:
                code, out, s = ask(agent, self, url, home, work, agent.again, "And what does it say?")
                self.tell(agent, "resume", code == 0 and "FINAL-RESUME" in out, code, s, out, server)
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
                for k in range(agent.files):
                    write(f"{work}/{k}.txt", filling(agent, k))
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
    p.add_argument("--scene", action="append", choices=["tool", "long", "cut"], help="only this one; `long` needs `tool` before it")
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
