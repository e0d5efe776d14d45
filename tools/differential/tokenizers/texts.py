"""Strings that find differences between tokenizers, from a seed."""

import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO_MODEL = os.path.join(HERE, "..", "..", "demo-model")

# Added tokens of the tokenizers in recipes.py, and what looks like them.
SPECIAL = [
    "<s>", "</s>", "<unk>", "<pad>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>",
    "<|start_header_id|>", "<|end_header_id|>", "[INST]", "[/INST]", "<<SYS>>", "<tool call>", "<|reserved 7|>", "<mask>",
    "日本", "東京 タワー", "、「", "word", "Token", "Ünïcode", "é", "ﾊ", "  ", "\n\n", "\t", "<l>", "<r>", "<lr>", "xyz",
    "xy", "xyzzy", "norm é", "A B", "<0x0A>", "▁▁", "▁x", "İ", "CASE",
]  # fmt: skip
ODD = [
    "'s", "'LL", "'ſ", "'S't'Re", "İ", "I\u0307", "ß", "ẞ", "ﬁ", "ſt", "Ω", "K", "Å", "e\u0301", "\u0301\u0323", "\u0323\u0301",
    "½", "Ⅳ", "²", "①", "a_b", "##", "##x", "</w>", "<0x41>", "<0xE3>", "<0xe3>", "▁", "▁ ▁", "Ġ", "Ċ", "Ã©", "word", "words",
    "aword", "xyz", "ﾊﾟ", "ガ", "か\u3099", "\u3099", "각", "\u1100\u1161\u11a8", "\u1161", "\u0f73", "\u0344", "\u212b", "\ufdfa",
    "Σ", "ΑΣ", "ΣΑΣ ", "ǅ", "Ǆ", "ŉ", "ᾳ", "ΐ", "\u0345", "\u200d", "\u200b", "\ufeff", "\u00ad", "\ufe0f", "\u2060",
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇯🇵🇺🇸", "1️⃣", "नमस्ते", "สวัสดี", "ሰላም", "שָׁלוֹם", "مَرْحَبًا", "Привет", "Ελλάδα",
    "한국어", "繁體中文", "简体字", "葛\U000e0100", "𠮷野家", "𝔘𝔫𝔦", "ﷺ", "a\u0300\u0316\u0301\u0317b", "\ufffd", "\x00", "\x00\x01\x7f",
    "\u0085", "\u2028", "\u2029", "\ue000", "\U0010ffff", "\ufdd0", "\U000f1234", "１２３", "１,０００円", "3.14", "1e-5", "0x1F", "2024-07-26",
    "https://example.org/a/b?c=d&e=%E3%81%82#f", "user@example.org", "C:\\dir\\file.txt", "./a/../b",
    "def f(x):\n\treturn x**2  # ok\n", "if (a && b) { c[i] = \"d\"; }\r\n", "<p class='x'>&amp;</p>", "{{ x }}", "$\\alpha_i^2$",
    "SELECT * FROM t WHERE id=1;", "camelCaseWord", "HTTPServer", "snake_case_word", "ALLCAPS", "don't", "I'LL", "O’Neil",
    "「」『』（）", "、。！？", "〜ー", "・・・", "……", "——", "ｱｲｳ", "ｶﾞ", "㌔", "㍿", "🈁", "ゟ", "々", "〆", "ヽ",
]  # fmt: skip
SPACES = [" ", "\n", "\t", "\r\n", "\r", "\x0b", "\x0c", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2000", "\u2003", "\u200a",
          "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "▁", "\x1c", "\x1f"]  # fmt: skip
SCRIPTS = [
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xA0), (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0xF00, 0xFFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF),
    (0x3000, 0x30FF), (0x3100, 0x33FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFDFF),
    (0xFE00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE01EF),
]  # fmt: skip
MARKS = [0x300, 0x301, 0x302, 0x308, 0x30A, 0x316, 0x323, 0x327, 0x328, 0x338, 0x345, 0x5B0, 0x5B7, 0x64B, 0x651, 0x93C, 0x94D, 0xE38,
         0xE48, 0xF71, 0xF72, 0x1DC4, 0x20D0, 0x3099, 0x309A, 0x302A, 0x1D165, 0x1D16D]  # fmt: skip


def corpus():
    """The text of the demonstration model: the documents that its tokenizer learns from."""
    sys.path.insert(0, DEMO_MODEL)
    import generate_corpus
    import stories

    world = stories.make_world()
    r = random.Random(1)
    documents = [generate_corpus.document(q, r) for q in generate_corpus.all_questions(world)]
    return documents + [stories.story(r, world) for _ in range(1000)]


def unicode_differences():
    """Code points for which the two sides have Unicode data of different age (written by sweep.py)."""
    result = set()
    with open(os.path.join(HERE, "unicode-differences.txt")) as file:
        for line in file:
            text = line.split("#")[0].strip()
            if text:
                low, _, high = text.partition("..")
                result.update(range(int(low, 16), int(high or low, 16) + 1))
    return result


class Texts:
    def __init__(self, special=()):
        with open(os.path.join(DEMO_MODEL, "heldout.txt")) as file:
            self.prose = file.read()
        self.special = [*SPECIAL, *special]
        self.avoid = unicode_differences() | set(range(0xD800, 0xE000))

    def characters(self, r, low, high, count):
        some = (r.randint(low, high) for _ in range(count))
        return "".join(chr(c) for c in some if c not in self.avoid)

    def any_characters(self, r, count):
        plane = r.choice([0, 0, 0, 0, 1, 1, 2, 3, 14, 15, 16, r.randint(4, 13)])
        page = plane * 0x10000 + r.randrange(0x100) * 0x100
        return self.characters(r, page, page + 0xFF, count)

    def part(self, r):
        kind = r.random()
        if kind < 0.28:
            start = r.randrange(len(self.prose))
            return self.prose[start : start + r.randint(1, 40)]
        if kind < 0.42:
            low, high = r.choice(SCRIPTS)
            return self.characters(r, low, high, r.randint(1, 8))
        if kind < 0.48:
            return self.any_characters(r, r.randint(1, 6))
        if kind < 0.58:
            return "".join(r.choice(SPACES) * r.choice([1, 1, 2, 3, 7]) for _ in range(r.randint(1, 3)))
        if kind < 0.72:
            token = r.choice(self.special)
            if r.random() < 0.25:
                token = token[: r.randint(0, len(token))] + token[r.randint(0, len(token)) :]
            if r.random() < 0.1:
                token = r.choice([token.upper(), token.lower(), token.replace(" ", "\u00a0"), token[::-1]])
            return r.choice(["", "", " ", "  ", "\n", "\u3000"]) + token * r.choice([1, 1, 1, 2]) + r.choice(["", "", " ", "\t"])
        if kind < 0.78:
            return str(r.randint(0, 10 ** r.randint(1, 12)))
        if kind < 0.93:
            return r.choice(ODD)
        if kind < 0.96:
            marks = "".join(chr(r.choice(MARKS)) for _ in range(r.randint(1, 6)))
            return r.choice("aeoAnсあかハक각") + marks
        return (self.characters(r, *r.choice(SCRIPTS), 1) or "x") * r.randint(1, 40)

    def text(self, r, longest=None):
        """Mostly a few parts, now and then up to `longest` characters."""
        parts = r.choice([0, 1, 1, 2, 2, 3, 4, 5, 6, 8])
        if longest and r.random() < 0.01:
            parts = r.randint(10, 120)
        text = "".join(self.part(r) for _ in range(parts))
        # Removed code points may stand in SPECIAL and ODD too.
        text = "".join(c for c in text if ord(c) not in self.avoid)
        return text[: longest or 300]

    def page(self, r, number):
        """Some characters of the 256 from number * 256 on, among others."""
        inside = self.characters(r, number * 0x100, number * 0x100 + 0xFF, r.randint(6, 12))
        return r.choice(["", "a", " ", "東", "1"]) + inside + r.choice(["", "b", " ", "。", "\n"])

    def broken(self, r):
        """Bytes that are not UTF-8."""
        data = bytearray(self.text(r).encode()[: r.choice([8, 30, 100])])
        for _ in range(r.randint(1, 5)):
            at = r.randint(0, len(data))
            data[at : at + r.choice([0, 0, 1])] = r.choice(
                [b"\xff", b"\x80", b"\xc0\xaf", b"\xe3\x81", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xe0\x80",
                 b"\xf8\x88\x80\x80\x80", b"\xed\xa0\xbd\xed\xb8\x80", bytes([r.randrange(128, 256)])]  # fmt: skip
            )
        return bytes(data)
