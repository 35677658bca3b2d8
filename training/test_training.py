"""What training rests on. `python -m pytest training`; what needs PyTorch or TRL is skipped, aloud, where it is missing."""

import json
import pathlib

import numpy as np
import pytest

import environment
import expert
import plan
from question import Question, Shown, written
from world import World, best_sequence, never_last

HERE = pathlib.Path(__file__).parent


def world(chances, costs, accepts=(1.0, 0.0)) -> World:
    """One place, so that chances are what they are."""
    chances = np.array(chances, dtype=float)[:, None]
    count = len(chances)
    none = np.zeros(count, dtype=bool)
    return World(chances, np.ones(1), np.array(costs, dtype=float), ["model"] * count, accepts, none, none)


def test_questions_are_written_as_the_server_writes_them():
    for line in open(HERE / "questions.jsonl"):
        fields = json.loads(line)
        text = fields.pop("text")
        question = Question(**fields | {"workers": [Shown(**worker) for worker in fields["workers"]]})
        assert written(question) == text


def test_plans_come_back_as_they_were_written():
    dice = np.random.default_rng(0)
    for _ in range(300):
        case = environment.case(dice, None, "tests")
        text = environment.shown_plan(case)
        steps = case.read(text)
        assert steps is not None and plan.written(steps) == text
        assert not steps or expert.follows(steps, case.wish, case.world.kinds, case.question.max_steps) or never_last(case.world.shown())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"steps":[]}',
        '{"steps":[{"worker":2,"role":"worker","subtask":"do it","access":"none"}]}',
        '{"steps":[{"worker":0,"role":"worker","subtask":"do it","access":"none"}]}',
        '{"steps":[{"worker":1,"role":"thinker","subtask":"do it","access":"none"}]}',
        '{"steps":[{"worker":true,"role":"worker","subtask":"do it","access":"none"}]}',
        '{"steps":[{"worker":1,"role":"worker","subtask":"do","access":"none"}]}',
        '{"steps":[{"worker":1,"role":"worker","subtask":"do it","access":[0]}]}',
    ],
)
def test_what_breaks_a_rule_is_no_plan(text):
    assert plan.read(text, 2, 5, {0}, False) is None
    good = '{"steps":[{"worker":1,"role":"worker","subtask":"do it","access":"none"}]}'
    assert plan.read(good, 2, 5, {0}, False) is not None


def test_the_search_asks_the_cheap_first_where_the_verifier_is_good_and_the_strong_where_it_is_not():
    assert best_sequence(world([0.6, 0.9], [0.01, 0.3]), 5) == [0, 1]
    assert best_sequence(world([0.3, 0.9], [0.01, 0.1], (1.0, 0.9)), 5) == [1]
    assert best_sequence(world([0.6, 0.9], [0.01, 0.3]), 1) == [1], "the weakest never comes last"
    assert best_sequence(world([0.1, 0.05], [0.5, 0.5]), 5) == []


def test_a_reward_is_nothing_half_or_whole_less_the_money():
    case = environment.Case(Question("fix", [Shown(0.5, 0.1), Shown(0.9, 0.2)], "x"), world([0.5, 0.9], [0.1, 0.2]), None, "")
    case.world.solved = case.world.accepted = np.array([False, True])
    step = lambda worker, sees: plan.Step(worker, "worker", "do it", sees)
    assert case.reward("nonsense") == 0
    assert case.reward(plan.written([step(1, False)])) == pytest.approx(1 - 0.5 * 0.21)
    assert case.reward(plan.written([step(0, False), step(1, True)])) == pytest.approx(1 - 0.5 * 0.32)
    case.world.accepted = case.world.solved = np.array([False, False])
    assert case.reward(plan.written([step(1, False)])) == pytest.approx(0.5 - 0.5 * 0.21)
    case.wish = "think"
    case.world.accepted = case.world.solved = np.array([False, True])
    assert case.reward(plan.written([step(1, False)])) < 0.5, "what the user wished was not done"


def test_steps_that_see_nothing_are_all_paid_and_an_accepted_answer_ends_the_rest():
    case = environment.Case(Question("fix", [Shown(0.5, 0.1), Shown(0.9, 0.2)], "x"), world([0.5, 0.9], [0.1, 0.2]), None, "")
    case.world.solved = case.world.accepted = np.array([True, True])
    at_once = [plan.Step(0, "worker", "do it", False), plan.Step(1, "worker", "do it", False)]
    assert case.outcome(at_once) == (True, pytest.approx(0.32))
    assert case.outcome([at_once[0], plan.Step(1, "worker", "do it", True)]) == (True, pytest.approx(0.11))


def test_the_model_writes_the_same_with_and_without_what_it_keeps():
    torch = pytest.importorskip("torch")
    from model import Nano, Shape

    torch.manual_seed(0)
    model = Nano(Shape(vocabulary=300, layers=2))
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data *= 8
    prompts = [[5, 6, 7, 8], [9, 10], [11] * 7]
    for prompt, out in zip(prompts, model.write(prompts, 6, 299, 0.0)):
        whole = list(prompt)
        for _ in out:
            whole.append(int(model(torch.tensor([whole]))[0, -1].argmax()))
        assert out == whole[len(prompt) :]


def test_rewards_reach_the_model():
    torch = pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    import grpo
    from model import Nano, Shape

    torch.manual_seed(0)
    model = Nano(Shape(vocabulary=64, layers=1))
    pairs = [([1, 2], [3, 63]), ([1, 2], [4, 63])]
    odds = lambda: torch.log_softmax(model(torch.tensor([[1, 2]]))[0, -1], -1)[[3, 4]].tolist()
    before = odds()
    grpo.surrogate(model, pairs, np.array([1.0, -1.0]), 63, "cpu").backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 1e-3 * weight.grad
    after = odds()
    assert after[0] - before[0] > 0 > after[1] - before[1], "what was rewarded is likelier now"


def test_the_recipe_for_seven_billion_runs_on_the_tiny_one(tmp_path):
    pytest.importorskip("trl")
    torch = pytest.importorskip("torch")
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    import grpo_7b
    import huggingface
    import tokens
    from model import Nano, Shape

    tokens.save(tokens.learn(1, None, 600, 50), tmp_path / "tokenizer.json")
    torch.manual_seed(0)
    nano = Nano(Shape(vocabulary=600, layers=1))
    torch.save(nano.state_dict(), tmp_path / "model.pt")
    model, tokenizer = huggingface.converted(tmp_path)
    ids = torch.tensor([tokenizer("fix tests v05 m5")["input_ids"]])
    assert torch.allclose(model(ids).logits, nano(ids), atol=1e-4), "the same odds"
    asked = grpo_7b.cases(1, 2, None)
    assert "You lead a pool of workers" in grpo_7b.messages(asked[0])[0]["content"]
    # The nano has no room for the whole question.
    rows = [{"prompt": [{"role": "user", "content": case.text}], "case": at} for at, case in enumerate(asked)]
    options = GRPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=4, num_generations=2, beta=0.0,
        max_completion_length=8, report_to=[], use_cpu=True, save_strategy="no", bf16=False, gradient_checkpointing=False,
    )
    trainer = GRPOTrainer(
        model=model, processing_class=tokenizer, reward_funcs=grpo_7b.rewarded(asked), args=options,
        train_dataset=Dataset.from_list(rows),
    )
    assert trainer.train().global_step == 1
