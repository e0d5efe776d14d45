"""Random variables for random templates."""

from vocabulary import WORDS


def random_string(random):
    if random.random() < 0.6:
        return random.choice(WORDS)
    return "".join(random.choice(WORDS) for _ in range(random.randint(0, 4)))


def random_number(random):
    return random.choice([0, 1, 2, 3, -1, 7, 10, 100, 255, 1000, 0.5, 1.0, -2.5, 3.14159, 1e3, 1e-7, 1e16, 1e22, -0.0, 123456.789, True, 65536, 0.1, 2.675])


def random_value(random, depth=2):
    choice = random.random()
    if choice < 0.35 or depth == 0 and choice < 0.6:
        return random_string(random)
    if choice < 0.6:
        return random_number(random)
    if choice < 0.7 or depth == 0:
        return random.choice([None, True, False])
    if choice < 0.85:
        return [random_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return random_dict(random, depth - 1)


def random_dict(random, depth=1):
    keys = ["a", "b", "role", "content", "name", "A", "x", "items", "日本", "k k", "<&>", "c", "function"]
    return {random.choice(keys): random_value(random, depth) for _ in range(random.randint(0, 4))}


def random_message(random):
    message = {"role": random.choice(["system", "user", "assistant", "tool", "User", "x"]), "content": random_string(random)}
    if random.random() < 0.1:
        message["content"] = random_value(random)
    if random.random() < 0.1:
        message["tool_calls"] = [{"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": random_dict(random)}}]
    if random.random() < 0.1:
        message.update(random_dict(random))
    if random.random() < 0.05:
        message.pop(random.choice(["role", "content"]), None)
    return message


def random_context(random):
    integers = [0, 1, 2, 3, 5, -1, -4, 10, 100]
    return {
        "messages": [random_message(random) for _ in range(random.randint(0, 4))],
        "tools": random.choice([None, None, [], [{"type": "function", "function": {"name": "f", "description": random_string(random), "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}]]),
        "documents": None,
        "add_generation_prompt": random.choice([True, False]),
        "bos_token": "<s>",
        "eos_token": "</s>",
        "s1": random_string(random),
        "s2": random_string(random),
        "s3": random_string(random),
        "n1": random.choice(integers),
        "n2": random.choice(integers),
        "f1": random.choice([0.5, 1.0, -2.5, 1e16, 1e-7, 123456.789]),
        "b1": random.choice([True, False]),
        "l1": [random_value(random) for _ in range(random.randint(0, 4))],
        "l2": [random_value(random, 0) for _ in range(random.randint(0, 3))],
        "words": [random_string(random) for _ in range(random.randint(0, 4))],
        "numbers": [random.choice(integers) for _ in range(random.randint(0, 5))],
        "d1": random_dict(random),
        "d2": random_dict(random),
        "people": [{"role": random.choice(WORDS[1:8]), "a": random.choice(integers), "content": random_string(random), "x": {"y": random.choice(integers)}} for _ in range(random.randint(0, 4))],
        "x1": random_value(random),
    }


def changed_context(random, context):
    """A conversation with a few values exchanged, messages dropped, or keys removed."""
    import copy

    context = copy.deepcopy(context)
    messages = context.get("messages", [])
    for _ in range(random.randint(0, 3)):
        if not messages:
            break
        message = random.choice(messages)
        action = random.random()
        if action < 0.3:
            message["content"] = random_string(random)
        elif action < 0.5:
            message["role"] = random.choice(["system", "user", "assistant", "tool"])
        elif action < 0.6 and message:
            message[random.choice(list(message))] = random_value(random)
        elif action < 0.7:
            messages.remove(message)
        elif action < 0.8:
            messages.insert(random.randrange(len(messages) + 1), random_message(random))
        elif message:
            message.pop(random.choice(list(message)))
    context.setdefault("tools", None)
    context.setdefault("documents", None)
    return context
