// The WebAssembly module, as an object. It imports nothing; this file hands it memory, and bytes in it.

const pageBytes = 65536;
const heapBytes = 96 << 20;
const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/**
 * A model in the module.
 *
 * What it rejects is thrown as an Error that carries Swift's own sentence. A RuntimeError, by contrast, is
 * the module's end: it has run out of memory, or there is a mistake in it.
 */
export class Classifier {
  #exports;

  /** Instantiates the module, gives it a heap and the files of a checkpoint by their names. */
  static async load(module, files) {
    const classifier = new Classifier();
    const { instance } = await WebAssembly.instantiate(module, {});
    classifier.#exports = instance.exports;
    const { memory, __heap_base, tarn_start_heap, put, load } = instance.exports;
    const start = __heap_base.value;
    memory.grow(Math.ceil((start + heapBytes - memory.buffer.byteLength) / pageBytes));
    if (!tarn_start_heap(start, memory.buffer.byteLength - start)) {
      throw new Error("the module has no heap");
    }
    for (const [name, contents] of Object.entries(files)) {
      classifier.#check(put(...classifier.#giveText(name), ...classifier.#give(contents)));
    }
    classifier.#check(load());
    return classifier;
  }

  /** Pieces of a text and the segment of each: what `classify` will see. */
  tokenize(text) {
    const { tokenize } = this.#exports;
    return this.#check(tokenize(...this.#giveText(text)));
  }

  /** Label, scores and logits of the text that was tokenized last. */
  classify() {
    return this.#check(this.#exports.classify());
  }

  /** The most bytes that the module's heap has had in use. */
  get peakBytes() {
    return this.#exports.tarn_heap_high_water();
  }

  /** Address and length of a copy in the module's memory, which the next call takes over. */
  #give(bytes) {
    const address = this.#exports.allocate(bytes.length);
    if (address === 0) throw new Error(`the module's heap has no ${bytes.length} bytes left`);
    new Uint8Array(this.#exports.memory.buffer, address, bytes.length).set(bytes);
    return [address, bytes.length];
  }

  #giveText(text) {
    return this.#give(utf8.encode.encode(text));
  }

  /** What a call answered: JSON if its status is 0, else a sentence. */
  #check(status) {
    const { memory, answerAddress, answerByteCount } = this.#exports;
    const text = utf8.decode.decode(
      new Uint8Array(memory.buffer, answerAddress(), answerByteCount()));
    if (status !== 0) throw new Error(text);
    return JSON.parse(text);
  }
}
