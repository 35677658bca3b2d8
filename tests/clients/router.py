"""LiteLLM's router, pointed at Baton: a line for each thing that it is asked to do. The workers are scripted."""

import asyncio
import json
import os

import litellm

litellm.telemetry = False
place = {"api_base": os.environ["BASE_URL"], "api_key": os.environ["TOKEN"], "max_retries": 0}
router = litellm.Router(
    model_list=[
        {"model_name": name, "litellm_params": {"model": f"openai/{model}", **place}}
        for name, model in [("quick", "baton-mini"), ("one", "baton-direct:only")]
    ],
    num_retries=0,
)
HELLO = [{"role": "user", "content": "Who is there?"}]


async def main():
    whole = await router.acompletion(model="quick", messages=HELLO)
    print("whole:", json.dumps([whole.choices[0].message.content, whole.usage.prompt_tokens > 0]))
    stream = await router.acompletion(model="one", messages=HELLO, stream=True)
    words = "".join([piece.choices[0].delta.content or "" async for piece in stream])
    print("streamed:", json.dumps([words]))
    try:
        await router.acompletion(model="one", messages=HELLO)
    except litellm.exceptions.BadRequestError as error:
        print("too long:", json.dumps([type(error).__name__]))


asyncio.run(main())
