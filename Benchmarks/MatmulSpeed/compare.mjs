// Times the WebAssembly module against the native program, in turn: node compare.mjs MODULE PROGRAM [ROUNDS]
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [modulePath, programPath, rounds = "15"] = process.argv.slice(2);
const calls = 5;
const operations = 2 * 512 * 768 * 768;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const native = () => {
  const [hash, seconds] = execFileSync(programPath, { encoding: "utf8" }).split(" ").map(Number);
  if (hash !== expected) throw new Error("the two products have different bits");
  return seconds;
};

const { instance } = await WebAssembly.instantiate(readFileSync(modulePath), {});
const { memory, byteCount, fill, multiply, hash } = instance.exports;
const operands = memory.buffer.byteLength;
memory.grow(Math.ceil(byteCount() / 65536));
const module = () => {
  let best = Infinity;
  for (let call = 0; call < calls; call++) {
    const start = performance.now();
    multiply(operands);
    best = Math.min(best, performance.now() - start);
  }
  return best / 1000;
};

fill(operands);
multiply(operands);
const expected = hash(operands) >>> 0;

// V8 compiles the module again, better, while the first calls run.
for (let call = 0; call < 4; call++) module();
const pairs = [];
for (let round = 0; round < Number(rounds); round++) pairs.push([module(), native()]);

const rate = (seconds) => (operations / seconds / 1e9).toFixed(1);
const ratio = median(pairs.map(([wasm, native]) => native / wasm));
console.log(
  `512 × 768 × 768, medians of ${rounds} rounds: WebAssembly ${rate(median(pairs.map((p) => p[0])))} GFLOP/s,` +
    ` native baseline ${rate(median(pairs.map((p) => p[1])))} GFLOP/s, ratio ${ratio.toFixed(2)}; equal bits`,
);
if (ratio < 0.5) {
  console.error("less than half the native speed");
  process.exit(1);
}
