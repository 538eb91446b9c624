// Random scenarios (generate.py), with what CPython 3.14 prints for them (reference.mjs tells how to get it).
//
//   node random.mjs record FIRST COUNT > FILE.scenarios     those of so many seeds, to be checked with
//                                                           `conformance --check FILE.scenarios`
//   node random.mjs shrink CONFORMANCE FILE.scn             takes away what the difference does not need
//   node random.mjs cover COUNT FILE.scenarios...           so many small ones that show most of what all do
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

async function python() {
  const { loadPyodide } = await import("pyodide");
  const python = await loadPyodide();
  for (const name of ["reference.py", "generate.py"])
    python.FS.writeFile(`/home/pyodide/${name}`, readFileSync(join(here, name)));
  return python.runPython(`
import asyncio, io, sys, reference, generate
asyncio._set_running_loop(None)   # pyodide's own
sys.unraisablehook = lambda *_: None   # of tasks that a deadlock leaves behind
class Python:
    generate = staticmethod(generate.generate)
    @staticmethod
    def trace(text):
        out = io.StringIO()
        reference.run(text, out)
        return out.getvalue()
Python`);
}

const section = (name, text, trace) => `=== ${name}\n${text}---\n${trace}`;

// A file of them: [{name, text, trace}].
const sections = (file) =>
  readFileSync(file, "utf8").split(/^=== /m).slice(1).map((part) => {
    const [, name, text, trace] = part.match(/^(.*)\n([^]*?)^---\n([^]*)$/m);
    return { name, text, trace };
  });

async function record(first, count) {
  const { generate, trace } = await python();
  for (let seed = first; seed < first + count; seed++) {
    const text = generate(seed);
    try {
      process.stdout.write(section(`seed-${seed}`, text, trace(text)));
    } catch (error) {
      console.error(`seed ${seed}: no trace: ${error.message.trim().split("\n").pop()}`);
    }
  }
}

// ---- shrinking

// Every text with one thing less: a line, a block with or without its body, a `try`.
function* smaller(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const indent = (line) => line.length - line.trimStart().length;
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].trim() === "end")
      continue;
    let last = i;
    if (/^\s*(try )?(coro|gen|timeout|group|with|foreach)\b/.test(lines[i]))
      for (last = i + 1; !(lines[last].trim() === "end" && indent(lines[last]) === indent(lines[i])); last++);
    yield [...lines.slice(0, i), ...lines.slice(last + 1)];
    if (last > i && !/^(coro|gen)/.test(lines[i]))
      yield [...lines.slice(0, i), ...lines.slice(i + 1, last), ...lines.slice(last + 1)];
    if (/^\s*try /.test(lines[i]))
      yield [...lines.slice(0, i), lines[i].replace("try ", ""), ...lines.slice(i + 1)];
  }
}

async function shrink(conformance, file) {
  const { trace } = await python();
  const folder = mkdtempSync(join(tmpdir(), "shrink-"));
  const differs = (text) => {
    let expected;
    if (!/^coro main$/m.test(text))
      return false;
    try {
      expected = trace(text);
    } catch {
      return false;
    }
    const path = join(folder, "smaller.scn");
    writeFileSync(path, text);
    try {
      return execFileSync(conformance, [path], { stdio: ["ignore", "pipe", "ignore"], timeout: 5000 })
        .toString() !== expected;
    } catch (error) {
      return error.status !== 2;
    }
  };
  let text = readFileSync(file, "utf8");
  if (!differs(text))
    throw new Error(`${file}: there is no difference`);
  for (let again = true; again;) {
    again = false;
    for (const lines of smaller(text)) {
      const candidate = lines.join("\n") + "\n";
      if (candidate !== text && differs(candidate)) {
        text = candidate;
        again = true;
        break;
      }
    }
  }
  process.stdout.write(section("shrunk", text, trace(text)));
}

// ---- choosing

const SMALL = 48; // lines, with the trace

// What a trace shows: each op with what came of it, and which came after which in the same turn's time.
function features(trace) {
  const found = new Set();
  let before = ["", ""];
  for (const line of trace.split("\n")) {
    const [, time, who, op, result] = line.match(/^(\d+) (\S+) (\S+).*: (.*)$/) ?? [];
    if (op === undefined) {
      found.add(line);
      continue;
    }
    const what = `${op} ${result.replace(/\d+/g, "n")}`;
    found.add(what);
    if (before[0] === time)
      found.add(`${before[1]} / ${what} / ${before[2] === who}`);
    before = [time, what, who];
  }
  return found;
}

function cover(count, files) {
  const lines = (text) => text.split("\n").length;
  const all = files.flatMap((file) => sections(file).filter((one) => lines(one.text + one.trace) <= SMALL))
    .map((one) => ({ ...one, shows: features(one.trace) }));
  const shown = new Set();
  while (count-- > 0) {
    let best = null, most = 0;
    for (const one of all) {
      const gain = [...one.shows].filter((f) => !shown.has(f)).length / (20 + lines(one.text));
      if (gain > most)
        [best, most] = [one, gain];
    }
    if (best === null)
      break;
    best.shows.forEach((f) => shown.add(f));
    process.stdout.write(section(best.name, best.text, best.trace));
  }
}

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case "record":
    await record(Number(rest[0]), Number(rest[1]));
    break;
  case "shrink":
    await shrink(rest[0], rest[1]);
    break;
  case "cover":
    cover(Number(rest[0]), rest.slice(1));
    break;
  default:
    console.error("usage: node random.mjs record FIRST COUNT | shrink CONFORMANCE FILE.scn | cover COUNT FILE...");
    process.exitCode = 2;
}
