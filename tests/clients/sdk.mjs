// OpenAI's own package for Node against Baton: a line for each thing that it is asked to do. The workers are scripted.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_MODULES}/`);
const OpenAI = require("openai");

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.TOKEN, maxRetries: 0 });
const messages = [{ role: "user", content: "Who is there?" }];
const add = { name: "add", parameters: { type: "object", properties: { a: { type: "integer" } } } };
const tool = { type: "function", function: add };

const tell = (what, ...values) => console.log(`${what}: ${JSON.stringify(values)}`);

async function refused(what, ask) {
  try {
    await ask();
    tell(what, "was not refused");
  } catch (error) {
    tell(what, error.constructor.name, error.status, error.code, error.param);
  }
}

async function models() {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  tell("models", names.filter((name) => !name.includes("202")), (await client.models.retrieve("baton-mini")).id);
}

async function chat() {
  const { data, response } = await client.chat.completions.create({ model: "baton-mini", messages }).withResponse();
  const [choice] = data.choices;
  tell("chat", choice.message.content, choice.finish_reason, response.headers.get("x-baton-worker"));
  const stream = await client.chat.completions.create({
    model: "baton-mini", messages, stream: true, stream_options: { include_usage: true },
  });
  let words = "";
  let last;
  for await (const piece of stream) {
    words += piece.choices[0]?.delta?.content ?? "";
    last = piece;
  }
  tell("chat, streamed", words, last.usage.completion_tokens > 0);
}

async function tools() {
  const asked = await client.chat.completions.create({ model: "baton-mini", messages, tools: [tool] });
  const [{ message, finish_reason }] = asked.choices;
  const [call] = message.tool_calls;
  tell("tool", call.function.name, JSON.parse(call.function.arguments), finish_reason);
  const answer = { role: "tool", tool_call_id: call.id, content: "3" };
  const done = await client.chat.completions.create({
    model: "baton-mini", messages: [...messages, message, answer], tools: [tool],
  });
  tell("tool's result", done.choices[0].message.content);
}

async function responses() {
  const whole = await client.responses.create({ model: "baton-mini", input: "Who is there?" });
  tell("response", whole.output_text, whole.status);
  const stream = client.responses.stream({ model: "baton-mini", input: "Who is there?" });
  let words = "";
  stream.on("response.output_text.delta", (event) => { words += event.delta; });
  const final = await stream.finalResponse();
  tell("response, streamed", words, final.output.map((item) => item.type), final.status);
}

async function errors() {
  await refused("unknown model", () => client.chat.completions.create({ model: "gpt-6", messages }));
  await refused("two answers", () => client.chat.completions.create({ model: "baton-mini", messages, n: 2 }));
  const stranger = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "wrong", maxRetries: 0 });
  await refused("a stranger", () => stranger.models.list());
}

async function leaving() {
  const asked = { model: "baton-direct:only", messages };
  await client.chat.completions.create(asked, { timeout: 1000 })
    .catch((error) => tell("a timeout", error.constructor.name));
  const stream = await client.chat.completions.create({ ...asked, stream: true });
  for await (const piece of stream) {
    if (piece.choices[0].delta.content) break;
  }
  // The worker takes one call at a time: it answers only once the two before are closed.
  tell("after both left", (await client.chat.completions.create(asked)).choices[0].message.content);
}

for (const part of [models, chat, tools, responses, errors, leaving]) await part();
