"""OpenAI's own Python package against Baton: a line for each thing that it is asked to do. The workers are scripted."""

import json
import os

import openai
import pydantic
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0)
HELLO = [{"role": "user", "content": "Who is there?"}]
ADD = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def tell(what, *values):
    print(f"{what}: {json.dumps(values)}", flush=True)


def refused(what, ask):
    try:
        ask()
        tell(what, "was not refused")
    except openai.APIStatusError as error:
        tell(what, type(error).__name__, error.status_code, error.code, error.param)


def models():
    names = [model.id for model in client.models.list()]
    tell("models", [name for name in names if "202" not in name], client.models.retrieve("baton-mini").id)


def chat():
    whole = client.chat.completions.create(model="baton-mini", messages=HELLO)
    choice = whole.choices[0]
    tell("chat", choice.message.content, choice.finish_reason, whole.usage.baton["worker"])
    raw = client.chat.completions.with_raw_response.create(model="baton-mini", messages=HELLO)
    tell("headers", raw.headers["x-baton-worker"], float(raw.headers["x-baton-usd"]) >= 0, len(raw.headers["x-baton-run"]))
    stream = client.chat.completions.create(
        model="baton-mini", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    pieces = list(stream)
    words = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    ends = [piece.choices[0].finish_reason for piece in pieces if piece.choices and piece.choices[0].finish_reason]
    tell("chat, streamed", words, ends, pieces[-1].usage.completion_tokens > 0)


def tools():
    tool = {"type": "function", "function": ADD}
    asked = client.chat.completions.create(model="baton-mini", messages=HELLO, tools=[tool])
    message = asked.choices[0].message
    call = message.tool_calls[0]
    tell("tool", call.function.name, json.loads(call.function.arguments), asked.choices[0].finish_reason)
    answer = {"role": "tool", "tool_call_id": call.id, "content": "3"}
    done = client.chat.completions.create(model="baton-mini", messages=[*HELLO, message, answer], tools=[tool])
    tell("tool's result", done.choices[0].message.content)
    with client.chat.completions.stream(model="baton-mini", messages=HELLO, tools=[tool]) as stream:
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    tell("tool, streamed", call.function.name, call.function.arguments)


def responses():
    whole = client.responses.create(model="baton-mini", input="Who is there?", instructions="Be brief.", store=False)
    tell("response", whole.output_text, whole.status, [item.type for item in whole.output])
    with client.responses.stream(model="baton-mini", input="Who is there?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    shown = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]
    tell("response, streamed", final.output_text, [item.type for item in final.output], shown)
    called = client.responses.create(model="baton-mini", input=HELLO, tools=[{"type": "function", **ADD}])
    call = called.output[-1]
    tell("response with a tool", call.type, call.name, call.arguments)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "3"}
    done = client.responses.create(model="baton-mini", input=[*HELLO, call, result], tools=[{"type": "function", **ADD}])
    tell("response to a tool's result", done.output_text)


def shapes():
    """The package reads whatever it gets; its types, checked, say whether that is what OpenAI describes."""
    checked = lambda kind, found: pydantic.TypeAdapter(kind).validate_python(found.to_dict()) and type(found).__name__
    whole = client.chat.completions.create(model="baton-mini", messages=HELLO)
    chunks = client.chat.completions.create(model="baton-ultra", messages=HELLO, stream=True)
    tell("shapes of chat", checked(ChatCompletion, whole), {checked(ChatCompletionChunk, chunk) for chunk in chunks}.pop())
    whole = client.responses.create(model="baton-mini", input="Who is there?")
    events = client.responses.create(model="baton-mini", input=HELLO, tools=[{"type": "function", **ADD}], stream=True)
    tell("shapes of responses", checked(Response, whole), len({checked(ResponseStreamEvent, event) for event in events}))


def errors():
    refused("unknown model", lambda: client.chat.completions.create(model="gpt-6", messages=HELLO))
    refused("two answers", lambda: client.chat.completions.create(model="baton-mini", messages=HELLO, n=2))
    refused("a memory", lambda: client.responses.create(model="baton-mini", input="x", previous_response_id="resp_1"))
    stranger = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="wrong", max_retries=0)
    refused("a stranger", lambda: stranger.models.list())
    refused("too long", lambda: client.chat.completions.create(model="baton-direct:only", messages=HELLO))


def leaving():
    impatient = client.with_options(timeout=1.0)
    try:
        impatient.chat.completions.create(model="baton-direct:only", messages=HELLO)
    except openai.APITimeoutError:
        tell("a timeout", "APITimeoutError")
    stream = client.chat.completions.create(model="baton-direct:only", messages=HELLO, stream=True)
    for piece in stream:
        if piece.choices[0].delta.content:
            break
    stream.close()
    # The worker takes one call at a time: it answers only once the two before are closed.
    last = client.chat.completions.create(model="baton-direct:only", messages=HELLO)
    tell("after both left", last.choices[0].message.content)


for part in (models, chat, tools, responses, shapes, errors, leaving):
    part()
