import { Classifier } from "./tarn.js";

const element = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const milliseconds = (time) => `${time.toFixed(time < 10 ? 1 : 0)} ms`;

let classifier;

async function bytes(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Fetches everything, loads the model and says how long each took. */
async function start() {
  const begin = performance.now();
  const names = ["config.json", "model.safetensors", "vocab.txt"];
  const [module, samples, ...contents] = await Promise.all(
    ["tarn.wasm", "model/samples.jsonl", ...names.map((name) => `model/${name}`)].map(bytes));
  const fetched = performance.now();
  const files = Object.fromEntries(names.map((name, i) => [name, contents[i]]));
  classifier = await Classifier.load(module, files);
  const ready = performance.now();
  element("loaded").textContent =
    `Module ${megabytes(module.length)}, weights ${megabytes(files["model.safetensors"].length)}; ` +
    `fetched in ${milliseconds(fetched - begin)}, compiled and loaded in ${milliseconds(ready - fetched)}.`;
  return new TextDecoder().decode(samples).trim().split("\n").map((line) => JSON.parse(line));
}

function fillSamples(samples) {
  samples.forEach(({ text, label }, index) => {
    const option = new Option(`${index + 1}. ${text.slice(0, 64)}…  (labelled ${label})`, index);
    element("sample").append(option);
  });
  element("sample").addEventListener("change", () => {
    element("text").value = samples[element("sample").value]?.text ?? "";
    showLength();
  });
}

function showLength() {
  element("length").textContent = `${number.format(element("text").value.length)} characters`;
}

function classify() {
  element("error").hidden = true;
  try {
    const begin = performance.now();
    const tokens = classifier.tokenize(element("text").value);
    const tokenized = performance.now();
    const answer = classifier.classify();
    const end = performance.now();
    showAnswer(tokens, answer, { tokenize: tokenized - begin, model: end - tokenized });
  } catch (error) {
    showError(error);
  }
}

function showError(error) {
  element("answer").hidden = true;
  element("error").textContent =
    error instanceof WebAssembly.RuntimeError
      ? `The module has stopped (${error.message}); load the page again.`
      : error.message;
  element("error").hidden = false;
  document.body.dataset.state = "error";
}

function showAnswer({ tokens, segments }, { label, labels, scores }, time) {
  element("label").textContent = label;
  element("scores").replaceChildren(...labels.map((name, i) => score(name, scores[i])));
  element("figures").replaceChildren(
    ...[
      ["tokens", number.format(tokens.length)],
      ["segments", number.format(new Set(segments).size)],
      ["tokenizing", milliseconds(time.tokenize)],
      ["model", milliseconds(time.model)],
      ["tokens a second", number.format(Math.round((tokens.length / (time.tokenize + time.model)) * 1000))],
      ["memory at most", megabytes(classifier.peakBytes)],
    ].map(([term, value]) => node("div", {}, node("dt", {}, term), node("dd", {}, value))));
  element("tokens").replaceChildren(...segmentNodes(tokens, segments));
  element("tokens").scrollTop = 0;
  element("answer").hidden = false;
  document.body.dataset.state = "answer";
}

function score(name, value) {
  const fill = node("div", {});
  fill.style.width = `${value * 100}%`;
  const scale = { role: "meter", ariaValueMin: 0, ariaValueMax: 1, ariaValueNow: value };
  const bar = node("div", { className: "bar", ariaLabel: `score of ${name}`, ...scale }, fill);
  const digits = node("b", { title: String(value) }, `${(value * 100).toFixed(2)} %`);
  const row = node("div", { className: "score" }, node("span", {}, name), bar, digits);
  row.dataset.score = value;
  return row;
}

/** One box for each run of tokens of a segment, its number first. */
function segmentNodes(tokens, segments) {
  const boxes = [];
  tokens.forEach((token, i) => {
    if (i === 0 || segments[i] !== segments[i - 1]) {
      boxes.push(
        node("span", { className: "segment", title: `segment ${segments[i]}` }, node("sup", {}, segments[i])));
    }
    const className = token.startsWith("[") && token.endsWith("]") ? "token special" : "token";
    boxes.at(-1).append(node("span", { className }, token), " ");
  });
  return boxes;
}

function node(name, properties, ...children) {
  const result = Object.assign(document.createElement(name), properties);
  result.append(...children);
  return result;
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  classify();
});
element("text").addEventListener("input", () => {
  element("sample").value = "";
  showLength();
});
element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("form").requestSubmit();
});

try {
  fillSamples(await start());
  showLength();
  element("classify").disabled = false;
  document.body.dataset.state = "ready";
  // ?sample=0 asks for an article at once.
  const sample = new URLSearchParams(location.search).get("sample");
  if (sample !== null) {
    element("sample").value = sample;
    element("sample").dispatchEvent(new Event("change"));
    classify();
  }
} catch (error) {
  element("loaded").textContent = "The model could not be loaded.";
  showError(error);
}
