// What a third party in JavaScript makes of messages, with the official library of Standard Webhooks.
//
// Reads a JSON list of {"secret", "headers", "body"} and writes a list with null for each that is genuine, and what is
// wrong with it for each that is not. The library knows no v1a, so for a public key Node's own ed25519 is asked.

const crypto = require("node:crypto");
const fs = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function verifyWithPublicKey(publicKey, body, headers) {
  const x = Buffer.from(publicKey.slice("whpk_".length), "base64").toString("base64url");
  const key = crypto.createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").map((signature) => signature.split(","));
  const isGenuine = ([version, signature]) =>
    version === "v1a" && crypto.verify(null, signed, key, Buffer.from(signature, "base64"));
  if (!signatures.some(isGenuine)) {
    throw new WebhookVerificationError("No matching signature found");
  }
}

function verdict({ secret, headers, body }) {
  try {
    if (secret.startsWith("whpk_")) {
      verifyWithPublicKey(secret, body, headers);
    } else {
      new Webhook(secret).verify(body, headers);
    }
    return null;
  } catch (error) {
    if (error instanceof WebhookVerificationError) {
      return error.message;
    }
    throw error;
  }
}

const cases = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(verdict)));
