// Drives headless Chromium over its DevTools pipe: node check.mjs CHROMIUM URL EXPECTED PICTURES
//
// Loads the page, lets it classify the bundled articles, compares with the model's expected.json, asks
// what must be an error, and takes a picture in light and in dark colours.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import assert from "node:assert/strict";

const [chromium, url, expectedPath, pictures] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(expectedPath, "utf8"));

const browser = spawn(
  chromium,
  ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--hide-scrollbars", "--remote-debugging-pipe"],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });

let lastId = 0;
let sessionId;
const waiting = new Map();
const requested = [];

/** One call of the DevTools protocol. */
function call(method, params = {}) {
  const id = ++lastId;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
  return new Promise((resolve, reject) => waiting.set(id, { method, resolve, reject }));
}

function receive(message) {
  if (message.method === "Network.requestWillBeSent") requested.push(message.params.request.url);
  const caller = waiting.get(message.id);
  if (!caller) return;
  waiting.delete(message.id);
  if (message.error) caller.reject(new Error(`${caller.method}: ${message.error.message}`));
  else caller.resolve(message.result);
}

let received = "";
browser.stdio[4].setEncoding("utf8").on("data", (data) => {
  const messages = (received + data).split("\0");
  received = messages.pop();
  messages.forEach((message) => receive(JSON.parse(message)));
});

/** The value of an expression in the page. */
async function evaluate(expression) {
  const { result, exceptionDetails } = await call(
    "Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

/** Waits until the page has left the state in which it loads. */
async function settled() {
  for (let i = 0; i < 600; i++) {
    const state = await evaluate("document.body?.dataset.state ?? 'loading'");
    if (state !== "loading") return state;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the page did not load in a minute");
}

const navigate = async (address) => {
  await call("Page.navigate", { url: address });
  await evaluate("new Promise((go) => document.readyState === 'complete' ? go() : addEventListener('load', go))");
  return settled();
};

/** What the page shows after `text` was typed in and the button pressed. */
const classify = (text) => evaluate(`(() => {
  document.getElementById("text").value = ${JSON.stringify(text)};
  document.getElementById("classify").click();
  return ${shown};
})()`);
const shown = `({
  state: document.body.dataset.state,
  error: document.getElementById("error").hidden ? "" : document.getElementById("error").textContent,
  label: document.getElementById("label").textContent,
  scores: [...document.querySelectorAll(".score")].map((row) => Number(row.dataset.score)),
  tokens: document.querySelectorAll(".token").length,
  segments: new Set([...document.querySelectorAll(".segment")].map((box) => box.title)).size,
})`;

async function picture(name, scheme) {
  await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  const { data } = await call(
    "Page.captureScreenshot", { format: "jpeg", quality: 70, captureBeyondViewport: true });
  writeFileSync(`${pictures}/${name}`, data, "base64");
}

async function checkPage() {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  ({ sessionId } = await call("Target.attachToTarget", { targetId, flatten: true }));
  await call("Page.enable");
  await call("Network.enable");
  await call("Emulation.setDeviceMetricsOverride", {
    width: 920, height: 1000, deviceScaleFactor: 1, mobile: false,
  });

  for (const [sample, article] of expected.entries()) {
    assert.equal(await navigate(`${url}?sample=${sample}`), "answer");
    const answer = await evaluate(shown);
    assert.equal(answer.label, article.predicted);
    assert.equal(answer.segments, article.segments);
    assert.equal(answer.tokens, article.tokens);
    article.probabilities.forEach((probability, i) => {
      const difference = Math.abs(answer.scores[i] - probability);
      assert.ok(difference < 2e-6, `article ${article.id}: ${answer.scores[i]}, expected ${probability}`);
    });
    const scores = answer.scores.map((score) => score.toFixed(6)).join(" ");
    console.log(`article ${article.id}: ${answer.label} ${scores}, ${answer.tokens} tokens, ${answer.segments} segments`);
    if (sample === 0) {
      // Once more, compiled by now: the times on the picture are those of a page in use.
      await evaluate(`for (let i = 0; i < 5; i++) document.getElementById("classify").click()`);
      await picture("light.jpg", "light");
      await picture("dark.jpg", "dark");
    }
  }
  console.log(await evaluate(`document.getElementById("loaded").textContent`));

  assert.equal(await navigate(url), "ready");
  const wrong = [["", /no tokens/], ["word ".repeat(5000), /4096/], ["a ".repeat(500000), /4096/]];
  for (const [text, sentence] of wrong) {
    const answer = await classify(text);
    assert.equal(answer.state, "error");
    assert.match(answer.error, sentence);
    console.log(`${text.length} characters: ${answer.error}`);
  }
  const again = await classify("The committee met on Tuesday. It adopted the report.");
  assert.equal(again.state, "answer");
  assert.equal(again.error, "");
  assert.deepEqual([again.tokens, again.segments], [15, 4]);

  const own = new URL(url).origin;
  assert.deepEqual(requested.filter((address) => !address.startsWith(own) && !address.startsWith("data:")), []);
  console.log(`${requested.length} requests, all to the page's own folder`);
}

try {
  await checkPage();
} finally {
  browser.kill();
  await once(browser, "exit");
}
