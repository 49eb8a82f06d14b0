// node .ci/wasi.mjs MODULE: runs a WebAssembly program that reads standard input and writes standard output.
//
// Three functions of WASI, each for one piece of memory. Node 20's own WASI damages its heap after some
// thousand calls of them (with --no-turbo-fast-api-calls it does not).

import { readFileSync, readSync, writeSync } from "node:fs";

let memory;
const call = (transfer) => (file, parts, count, done) => {
  const view = new DataView(memory.buffer);
  const [base, size] = [view.getUint32(parts, true), view.getUint32(parts + 4, true)];
  view.setUint32(done, transfer(file, new Uint8Array(memory.buffer, base, size)), true);
  return 0;
};
const imports = { fd_read: call(readSync), fd_write: call(writeSync), proc_exit: process.exit };
const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports });
({ memory } = exports);
exports._start();
