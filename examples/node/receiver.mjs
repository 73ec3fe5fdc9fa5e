// A third party in JavaScript: takes offers by push, and answers each with a status.
//
// Everything but the check of signatures is Node itself. The check is the official library of Standard Webhooks:
// npm install standardwebhooks

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

// `require` also finds libraries that are installed elsewhere (NODE_PATH).
const { Webhook, WebhookVerificationError } = createRequire(import.meta.url)("standardwebhooks");

const { MARKETPLACE_URL, MARKETPLACE_KEY, SIGNING_SECRET, LISTEN = "127.0.0.1:9100" } = process.env;
const [host, port] = LISTEN.split(":");
const LIMIT = 1000; // what costs more is not for us

// Everything that happened, one line each, is in a file: read back at the start, and written before anything is answered.
const JOURNAL = process.env.JOURNAL ?? "offers.jsonl";
const messages = new Map(); // by webhook-id
const orders = new Map(); // by delivery_id

function recall(entry) {
  if (entry.message) {
    messages.set(entry.webhookId, { ...entry.message, done: false });
  }
  if (entry.order) {
    orders.set(entry.order, entry.state);
  }
  if (entry.done) {
    messages.get(entry.done).done = true;
  }
}

function remember(entry) {
  appendFileSync(JOURNAL, JSON.stringify(entry) + "\n", { flush: true });
  recall(entry);
}

if (existsSync(JOURNAL)) {
  readFileSync(JOURNAL, "utf8").split("\n").filter(Boolean).forEach((line) => recall(JSON.parse(line)));
}

// Checks and stores, and leaves the work for later: there are five seconds to answer in.
async function take(request, response) {
  const chunks = await request.toArray();
  const body = Buffer.concat(chunks).toString("utf8");
  try {
    new Webhook(SIGNING_SECRET).verify(body, request.headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) {
      throw error;
    }
    response.writeHead(401).end(error.message);
    return;
  }
  const webhookId = request.headers["webhook-id"];
  // It comes at least once. What is known already is acknowledged, and nothing else.
  const isNew = !messages.has(webhookId);
  if (isNew) {
    remember({ webhookId, message: JSON.parse(body) });
  }
  response.writeHead(204).end();
  if (isNew) {
    await handle(webhookId);
  }
}

async function handle(webhookId) {
  const { type, data } = messages.get(webhookId);
  if (type === "offer.created") {
    await answer(webhookId, data);
  } else if (type === "offer.withdrawn" || type === "offer.expired") {
    // Messages may overtake each other: an offer that is over before it came is never taken up.
    remember({ order: data.delivery_id, state: "over" });
    console.log("over:", data.delivery_id);
  }
  remember({ done: webhookId });
}

async function answer(webhookId, { delivery_id: delivery, request }) {
  if (orders.get(delivery) === "over") {
    return;
  }
  const status = (request.amount ?? 0) <= LIMIT ? "accepted" : "declined";
  const { code, text } = await post(`/v1/deliveries/${delivery}/status`, { status }, webhookId);
  // 409 is too late: somebody else has it, or nobody wants it any more. That is final.
  const state = { 200: status, 409: "over" }[code] ?? "refused";
  remember({ order: delivery, state });
  console.log(`${state}: ${delivery} (${code} ${text})`);
}

// Calls the marketplace until it answers; with the same key, twice is once.
async function post(path, body, idempotencyKey) {
  const headers = {
    "x-api-key": MARKETPLACE_KEY,
    "content-type": "application/json",
    "idempotency-key": idempotencyKey,
  };
  for (let seconds = 1; ; seconds = Math.min(seconds * 2, 60)) {
    try {
      const signal = AbortSignal.timeout(10_000);
      const response = await fetch(new URL(path, MARKETPLACE_URL), {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal,
      });
      if (response.status < 500 && response.status !== 429) {
        return { code: response.status, text: await response.text() };
      }
      seconds = Number(response.headers.get("retry-after")) || seconds; // a date: the pause will do
    } catch {
      // Not there just now.
    }
    await pause(seconds * 1000);
  }
}

// What was left when the program ended.
for (const [webhookId, { done }] of messages) {
  if (!done) {
    handle(webhookId);
  }
}

createServer((request, response) => {
  take(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(port, host, () => console.log(`taking offers at http://${LISTEN}/`));
