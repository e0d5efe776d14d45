#!/usr/bin/env python3
"""Makes cases.json: what transformers' apply_chat_template makes of
conversations beside the template: which template it takes, how messages and
variables reach it, where a continued message ends.

Run by hand when a case is added:

    pip install transformers==5.23.* && python3 make_cases.py

A case has the `templates` and `tokens` of a model, a request, and `text`, or
`error` where transformers raises.
"""

import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"
from tokenizers import Tokenizer, models  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DUMP = "{{ messages | tojson }}"
CHATML = ("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
          "{{ eos_token }}{% endfor %}"
          "{% if add_generation_prompt %}<|assistant|>{% endif %}")
TRIMMED = ("{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}"
           "{{ eos_token }}{% endfor %}")
THINK = ("{% for m in messages %}{% if m.thinking %}<t>{{ m.thinking }}</t>"
         "{% endif %}{{ m.content }}{{ eos_token }}{% endfor %}")
BLOCKS = ("{% for m in messages %}{% for b in m.content %}"
          "{{ b.text if b.type == 'text' else '<image>' }}{% endfor %};"
          "{% endfor %}")
NAMED = {"default": "default:" + DUMP, "tool_use": "tools:{{ tools | tojson }}",
         "rag": "rag:{{ documents | tojson }}"}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
HI = [{"role": "user", "content": "Hi"}]
TALK = [{"role": "system", "content": "こ\u3000"}, *HI,
        {"role": "assistant", "content": " Sure: \n "}]
TOOL = {"type": "function", "function": {
    "name": "look", "description": "見る", "parameters": {
        "type": "object", "properties": {"z": {"type": "string"},
                                         "a": {"type": "number"}}}}}


def case(name, templates, messages=HI, **request):
    if isinstance(templates, str):
        templates = {"default": templates}
    return {"name": name, "templates": templates, "messages": messages,
            **request}


CASES = [
    case("prompt", CHATML, TALK, add_generation_prompt=True),
    case("no prompt", CHATML, TALK),
    case("tokens are variables",
         "{{ bos_token }}{{ eos_token }}{{ pad_token }}[{{ unk_token }}]"),
    case("variables go before tokens", "{{ bos_token }}{{ date }}{{ n + 1 }}",
         variables={"bos_token": "B", "date": "今日", "n": 2}),
    case("variables keep their types", "{{ v | tojson }}", variables={
        "v": [None, True, 1, -2.5, 1e300, "x", {"b": 1, "a": {}}, [],
              9223372036854775807, -9223372036854775808]}),
    case("tools and documents are none", "{{ tools is none }}"
         "{{ documents is none }}{{ tools is defined }}"
         "{{ add_generation_prompt }}"),
    case("an empty list of tools", "{{ tools is none }}{{ tools | length }}",
         tools=[], documents=[]),
    case("tools", "{{ tools | tojson(indent=2) }}", tools=[TOOL, {}]),
    case("documents", "{% for d in documents %}{{ d.title }}{% endfor %}",
         documents=[{"title": "a", "text": "b"}, {}]),
    case("null members are dropped", DUMP, [
        {"role": "user", "content": None, "tool_calls": None, "x": 0},
        {"role": None}]),
    case("null inside stays", DUMP, [{"role": "u", "content": [None, {
        "a": None}]}]),
    case("the order of keys stays", DUMP, [
        {"z": 1, "content": "a", "b": {"y": 1, "x": 2}, "role": "r"}]),
    case("odd members", DUMP, [{"role": 5, "content": 1.5, "日": True}, {}]),
    case("reasoning content", DUMP, [
        {"role": "a", "reasoning_content": "r", "content": "c"}]),
    case("thinking", DUMP, [{"role": "a", "thinking": "t", "content": "c"}]),
    case("reasoning", DUMP, [{"role": "a", "content": "c", "reasoning": "r"}]),
    case("all of them", DUMP, [
        {"role": "a", "thinking": "t", "reasoning": "r",
         "reasoning_content": "c"}]),
    case("null reasoning", DUMP, [
        {"role": "a", "thinking": None, "reasoning": "r"}]),
    case("tool calls", DUMP, [{"role": "assistant", "tool_calls": [
        {"type": "function", "function": {"name": "f", "arguments": {
            "b": 1, "a": "日本"}}}]}]),
    case("named: default", NAMED),
    case("named: tools", NAMED, tools=[TOOL]),
    case("named: empty tools", NAMED, tools=[]),
    case("named: documents do not choose", NAMED, documents=[{"a": 1}]),
    case("named: by name", NAMED, template="rag", documents=[{"a": 1}]),
    case("named: name before tools", NAMED, template="default", tools=[TOOL]),
    case("named: no tool_use", {"default": "d{{ tools | length }}",
                                "rag": "r"}, tools=[TOOL]),
    case("named: no default", {"rag": "r", "tool_use": "t"}),
    case("named: no default, tools", {"rag": "r", "tool_use": "t"}, tools=[]),
    case("text", NAMED, template_text="own:" + CHATML, tools=[TOOL]),
    case("no template", {}),
    case("no template, text", {}, template_text=CHATML),
    case("empty template", ""),
    case("raise", "{{ raise_exception('No!') }}"),
    case("special tokens in a message", CHATML, [
        {"role": "user", "content": "</s><s>[INST]"}]),
    case("continue", CHATML, TALK, continue_final_message="content"),
    case("continue, trimmed", TRIMMED, TALK, continue_final_message="content"),
    case("continue, trimmed of nothing", TRIMMED, [
        {"role": "assistant", "content": "as it is"}],
         continue_final_message="content"),
    case("continue, ideographic space", TRIMMED, [
        {"role": "assistant", "content": "\u3000答え\u3000\n"}],
         continue_final_message="content"),
    case("continue the user", CHATML, HI, continue_final_message="content"),
    case("continue nothing", CHATML, [{"role": "assistant", "content": ""}],
         continue_final_message="content"),
    case("continue what is there twice", CHATML, [
        *HI, {"role": "assistant", "content": "Hi"}],
         continue_final_message="content"),
    case("continue without content", CHATML, [{"role": "assistant"}],
         continue_final_message="content"),
    case("continue null", CHATML, [{"role": "assistant", "content": None}],
         continue_final_message="content"),
    case("continue a number", CHATML, [{"role": "assistant", "content": 5}],
         continue_final_message="content"),
    case("continue what is not used", "{{ bos_token }}",
         continue_final_message="content"),
    case("continue what is cut",
         "{% for m in messages %}{{ m.content[:3] }}{% endfor %}",
         TALK, continue_final_message="content"),
    case("continue blocks", BLOCKS, [{"role": "a", "content": [
        {"type": "text", "text": "one "}, {"type": "image"},
        {"type": "text", "text": "two "}, {"type": "image"}]}],
         continue_final_message="content"),
    case("continue blocks without text", BLOCKS, [
        {"role": "a", "content": [{"type": "image"}]}],
         continue_final_message="content"),
    case("continue reasoning", THINK, [
        {"role": "a", "reasoning_content": "so ", "content": "c"}],
         continue_final_message="reasoning_content"),
    case("continue thinking", THINK, [
        {"role": "a", "thinking": "so ", "content": "c"}],
         continue_final_message="thinking"),
    case("continue reasoning, content equal", THINK, [
        {"role": "a", "reasoning": "c", "content": "c"}],
         continue_final_message="content"),
    case("continue another field", "{{ messages[0].prefix }}", [
        {"role": "a", "prefix": "p "}], continue_final_message="prefix"),
]


def render(one):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), **TOKENS)
    templates = one["templates"]
    tokenizer.chat_template = templates or None
    if list(templates) == ["default"]:
        tokenizer.chat_template = templates["default"]
    return tokenizer.apply_chat_template(
        one["messages"], tools=one.get("tools"),
        documents=one.get("documents"),
        chat_template=one.get("template", one.get("template_text")),
        add_generation_prompt=one.get("add_generation_prompt", False),
        continue_final_message=one.get("continue_final_message", False),
        tokenize=False, **one.get("variables", {}))


def main():
    for one in CASES:
        try:
            one["text"] = render(one)
        except Exception as error:  # of Python, jinja2 or transformers
            one["error"] = f"{type(error).__name__}: {error}".split("\n")[0]
    with open(os.path.join(HERE, "cases.json"), "w",
              encoding="utf-8") as file:
        json.dump({"tokens": TOKENS, "cases": CASES}, file,
                  ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
