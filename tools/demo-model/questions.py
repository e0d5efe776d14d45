"""The questions of the demonstration corpus: every fact in several wordings, in Japanese and in English.

A generator yields Question objects. `fact` names what is asked, independently of the wording, and `wording` numbers the
way of asking, so that generate_corpus.py can keep whole (fact, wording) combinations out of the training text.
"""

import random
from dataclasses import dataclass

import lexicon as lex

_ONES_JA = "〇一二三四五六七八九"
_ONES_EN = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen").split()
_TENS_EN = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


@dataclass(frozen=True)
class Question:
    category: str  # what the exam reports accuracy by
    language: str  # "ja" or "en"
    fact: str  # unique name of what is asked
    wording: int  # index of the wording; 0 is the plainest
    question: str  # without the "問: " or "Q: " in front
    answer: str  # one line


def number_ja(n):
    """0..100 in Japanese numerals, e.g. 42 -> 四十二."""
    if n == 100:
        return "百"
    tens, ones = divmod(n, 10)
    if tens == 0:
        return _ONES_JA[ones]
    return ("" if tens == 1 else _ONES_JA[tens]) + "十" + ("" if ones == 0 else _ONES_JA[ones])


def number_en(n):
    """0..100 in English words, e.g. 42 -> forty-two."""
    if n == 100:
        return "one hundred"
    if n < 20:
        return _ONES_EN[n]
    tens, ones = divmod(n, 10)
    return _TENS_EN[tens] + ("" if ones == 0 else "-" + _ONES_EN[ones])


def _ask(category, language, fact, wordings, answer):
    return [Question(category, language, fact, i, w, answer) for i, w in enumerate(wordings)]


def arithmetic():
    out = []
    for a in range(13):
        for b in range(13):
            ja, en, digits = (number_ja(a), number_ja(b)), (number_en(a), number_en(b)), (str(a), str(b))
            key = f"{a}+{b}"
            out += _ask("sums", "ja", key, [f"{x}たす{y}は?" for x, y in [ja]] + [
                f"{ja[0]}に{ja[1]}を足すといくつ?", f"{ja[0]}と{ja[1]}を合わせると?"], number_ja(a + b))
            out += _ask("sums", "en", key, [f"What is {en[0]} plus {en[1]}?", f"How much is {en[0]} and {en[1]}?",
                                            f"Add {en[1]} to {en[0]}."], number_en(a + b))
            out += _ask("digits", "ja", key, [f"{digits[0]}+{digits[1]}は?", f"{digits[0]}たす{digits[1]}は?"], str(a + b))
            out += _ask("digits", "en", key, [f"What is {digits[0]} + {digits[1]}?", f"{digits[0]} plus {digits[1]}?"],
                        str(a + b))
            if b > a:
                continue
            key = f"{a}-{b}"
            out += _ask("differences", "ja", key, [f"{ja[0]}引く{ja[1]}は?", f"{ja[0]}から{ja[1]}を引くといくつ?",
                                                   f"{ja[0]}と{ja[1]}の差は?"], number_ja(a - b))
            out += _ask("differences", "en", key, [
                f"What is {en[0]} minus {en[1]}?", f"How much is {en[0]} less {en[1]}?", f"Take {en[1]} from {en[0]}."],
                        number_en(a - b))
            out += _ask("digits", "ja", key, [f"{digits[0]}-{digits[1]}は?", f"{digits[0]}引く{digits[1]}は?"], str(a - b))
            out += _ask("digits", "en", key, [f"What is {digits[0]} - {digits[1]}?", f"{digits[0]} minus {digits[1]}?"],
                        str(a - b))
    return out


def numbers():
    out = []
    for n in range(101):
        ja, en = number_ja(n), number_en(n)
        out += _ask("number words", "ja", f"n{n}", [f"{ja}は英語で?", f"数の{ja}を英語で言うと?", f"英語で{ja}は何と言う?"], en)
        out += _ask("number words", "ja", f"k{n}", [f"{n}を漢字で書くと?", f"数字の{n}を漢字にすると?", f"{n}は漢字で?"], ja)
        out += _ask("number words", "en", f"n{n}", [f"What is {en} in Japanese?", f"How do you write {en} in Japanese?",
                                                    f"Say {en} in Japanese."], ja)
        out += _ask("number words", "en", f"w{n}", [f"Write {n} in words.", f"How do you spell the number {n}?",
                                                    f"What is {n} in words?"], en)
        if n < 100:
            out += _ask("counting", "ja", f"next{n}", [f"{ja}の次の数は?", f"{ja}より一つ大きい数は?", f"{ja}の次は何?"],
                        number_ja(n + 1))
            out += _ask("counting", "en", f"next{n}", [
                f"What number comes after {en}?", f"Which number follows {en}?", f"What is one more than {en}?"],
                        number_en(n + 1))
        if n > 0:
            out += _ask("counting", "ja", f"prev{n}", [f"{ja}の前の数は?", f"{ja}より一つ小さい数は?", f"{ja}の一つ前は何?"],
                        number_ja(n - 1))
            out += _ask("counting", "en", f"prev{n}", [
                f"What number comes before {en}?", f"Which number precedes {en}?", f"What is one less than {en}?"],
                        number_en(n - 1))
    rng = random.Random(11)
    for a, b in sorted({tuple(rng.sample(range(31), 2)) for _ in range(250)}):
        big, small = max(a, b), min(a, b)
        ja, en = (number_ja(a), number_ja(b)), (number_en(a), number_en(b))
        out += _ask("comparing", "ja", f"max{a},{b}", [f"{ja[0]}と{ja[1]}ではどちらが大きい?", f"大きいのは{ja[0]}と{ja[1]}のどちら?"],
                    number_ja(big))
        out += _ask("comparing", "ja", f"min{a},{b}", [f"{ja[0]}と{ja[1]}ではどちらが小さい?", f"小さいのは{ja[0]}と{ja[1]}のどちら?"],
                    number_ja(small))
        out += _ask("comparing", "en", f"max{a},{b}", [f"Which is larger, {en[0]} or {en[1]}?",
                                                       f"Name the larger of {en[0]} and {en[1]}."], number_en(big))
        out += _ask("comparing", "en", f"min{a},{b}", [f"Which is smaller, {en[0]} or {en[1]}?",
                                                       f"Name the smaller of {en[0]} and {en[1]}."], number_en(small))
    return out


def calendar():
    out = []
    steps = [(1, "明日", "tomorrow"), (-1, "昨日", "yesterday"), (2, "あさって", "the day after tomorrow")]
    for i, (ja, en) in enumerate(lex.DAYS):
        after, before = lex.DAYS[(i + 1) % 7], lex.DAYS[i - 1]
        out += _ask("days", "ja", f"after{i}", [f"{ja}の次の日は?", f"{ja}の翌日は何曜日?", f"{ja}の次に来るのは何曜日?"], after[0])
        out += _ask("days", "ja", f"before{i}", [f"{ja}の前の日は?", f"{ja}の前日は何曜日?", f"{ja}の前に来るのは何曜日?"], before[0])
        out += _ask("days", "en", f"after{i}", [f"What day comes after {en}?", f"Which day follows {en}?",
                                                f"What is the day after {en}?"], after[1])
        out += _ask("days", "en", f"before{i}", [f"What day comes before {en}?", f"Which day precedes {en}?",
                                                 f"What is the day before {en}?"], before[1])
        out += _ask("days", "ja", f"tr{i}", [f"{ja}を英語で言うと?", f"{ja}は英語で?", f"英語で{ja}は何と言う?"], en)
        out += _ask("days", "en", f"tr{i}", [f"What is {en} in Japanese?", f"How do you say {en} in Japanese?",
                                             f"Say {en} in Japanese."], ja)
        for d, word_ja, word_en in steps:
            there = lex.DAYS[(i + d) % 7]
            out += _ask("days", "ja", f"step{d},{i}", [f"今日が{ja}なら{word_ja}は何曜日?", f"今日は{ja}です。{word_ja}は?"], there[0])
            verb = "was" if d < 0 else "is"
            out += _ask("days", "en", f"step{d},{i}", [
                f"If today is {en}, what day {verb} {word_en}?", f"Today is {en}. What day {verb} {word_en}?"], there[1])
    for m in range(12):
        ja, en = number_ja(m + 1) + "月", lex.MONTHS[m]
        after, before = (m + 1) % 12, (m - 1) % 12
        out += _ask("months", "ja", f"after{m}", [f"{ja}の次の月は?", f"{ja}の翌月は何月?", f"{ja}の次に来るのは何月?"],
                    number_ja(after + 1) + "月")
        out += _ask("months", "ja", f"before{m}", [f"{ja}の前の月は?", f"{ja}の前月は何月?", f"{ja}の前に来るのは何月?"],
                    number_ja(before + 1) + "月")
        out += _ask("months", "en", f"after{m}", [f"What month comes after {en}?", f"Which month follows {en}?",
                                                  f"What is the month after {en}?"], lex.MONTHS[after])
        out += _ask("months", "en", f"before{m}", [f"What month comes before {en}?", f"Which month precedes {en}?",
                                                   f"What is the month before {en}?"], lex.MONTHS[before])
        out += _ask("months", "ja", f"tr{m}", [f"{ja}を英語で言うと?", f"{ja}は英語で?", f"英語で{ja}は何と言う?"], en)
        out += _ask("months", "en", f"tr{m}", [f"What is {en} in Japanese?", f"How do you say {en} in Japanese?",
                                               f"Say {en} in Japanese."], ja)
        days = lex.MONTH_DAYS[m]
        out += _ask("months", "ja", f"days{m}", [f"{ja}は何日ある?", f"{ja}には日がいくつある?", f"{ja}の日数は?"],
                    number_ja(days) + "日")
        out += _ask("months", "en", f"days{m}", [f"How many days does {en} have?", f"How many days are there in {en}?",
                                                 f"How long is {en} in days?"], number_en(days))
        out += _ask("months", "ja", f"season{m}", [f"{ja}の季節は?", f"{ja}はどの季節?", f"{ja}は春夏秋冬のどれ?"], lex.SEASONS[m][0])
        out += _ask("months", "en", f"season{m}", [f"What season is {en} in?", f"Which season does {en} belong to?",
                                                   f"In which season is {en}?"], lex.SEASONS[m][1])
        for d in range(1, lex.MONTH_DAYS[m] + 1):
            nm, nd = (m, d + 1) if d < lex.MONTH_DAYS[m] else ((m + 1) % 12, 1)
            day = ja + number_ja(d) + "日"
            out += _ask("dates", "ja", f"after{m},{d}", [f"{day}の次の日は?", f"{day}の翌日は何月何日?"],
                        f"{number_ja(nm + 1)}月{number_ja(nd)}日")
            out += _ask("dates", "en", f"after{m},{d}", [f"What is the day after {en} {d}?", f"Which date follows {en} {d}?"],
                        f"{lex.MONTHS[nm]} {nd}")
    for h in range(12):
        for d in range(1, 5):
            later, earlier = (h + d) % 12 + 1, (h - d) % 12 + 1
            hour, ja, en = h + 1, number_ja(h + 1), number_en(h + 1)
            plural = "hour" if d == 1 else "hours"
            out += _ask("clock", "ja", f"+{hour},{d}", [
                f"{ja}時の{number_ja(d)}時間後は何時?", f"今は{ja}時です。{number_ja(d)}時間後は何時?"], f"{number_ja(later)}時")
            out += _ask("clock", "ja", f"-{hour},{d}", [
                f"{ja}時の{number_ja(d)}時間前は何時?", f"今は{ja}時です。{number_ja(d)}時間前は何時でしたか?"], f"{number_ja(earlier)}時")
            out += _ask("clock", "en", f"+{hour},{d}", [
                f"What time is {number_en(d)} {plural} after {en} o'clock?",
                f"It is {en} o'clock. What time will it be in {number_en(d)} {plural}?"], f"{number_en(later)} o'clock")
            out += _ask("clock", "en", f"-{hour},{d}", [
                f"What time is {number_en(d)} {plural} before {en} o'clock?",
                f"It is {en} o'clock. What time was it {number_en(d)} {plural} ago?"], f"{number_en(earlier)} o'clock")
    return out


def words():
    kinds = {"animal": ("動物", "an animal"), "plant": ("植物", "a plant"), "food": ("食べ物や飲み物", "food or drink"),
             "body": ("体の一部", "a part of the body"), "colour": ("色", "a colour"), "person": ("人", "a person"),
             "place": ("場所", "a place"), "thing": ("道具や物", "a thing")}
    out = []
    for ja, en, kind in lex.WORDS:
        out += _ask("translation", "ja", f"{ja}", [
            f"「{ja}」を英語で言うと?", f"{ja}は英語で何?", f"英語で「{ja}」は何と言う?"], en)
        out += _ask("translation", "en", f"{ja}", [
            f"What is the Japanese word for {en}?", f'How do you say "{en}" in Japanese?', f"What is {en} in Japanese?"], ja)
        out += _ask("translation", "ja", f"r{ja}", [
            f"{en} を日本語で言うと?", f"「{en}」は日本語で何?"], ja)
        out += _ask("translation", "en", f"r{ja}", [
            f"What does {ja} mean in English?", f"What is {ja} in English?"], en)
        if kind in kinds:
            out += _ask("kinds", "ja", f"{ja}", [f"{ja}は何の仲間?", f"「{ja}」はどんな仲間に入る?", f"{ja}とは何?"], kinds[kind][0])
            out += _ask("kinds", "en", f"{ja}", [f"What kind of word is {en}?", f"To what group does {en} belong?",
                                                 f"What sort of thing does {en} name?"], kinds[kind][1])
    for row in lex.OPPOSITES:
        for j, e, oj, oe in ((row[0], row[2], row[1], row[3]), (row[1], row[3], row[0], row[2])):
            e, oe = e.replace("_", " "), oe.replace("_", " ")
            out += _ask("opposites", "ja", j, [f"「{j}」の反対は?", f"{j}の反対の言葉は?", f"「{j}」の逆は何?", f"{j}の対義語は?"], oj)
            out += _ask("opposites", "en", j, [f"What is the opposite of {e}?", f"Which word is the opposite of {e}?",
                                               f"What is the reverse of {e}?", f"Name the opposite of {e}."], oe)
    for ja, en, cja, cen in lex.COLOURS_OF:
        out += _ask("colours", "ja", ja, [f"{ja}は何色?", f"{ja}の色は?", f"{ja}はどんな色をしている?"], cja)
        out += _ask("colours", "en", ja, [f"What colour is {en}?", f"Which colour does {en} have?",
                                          f"Tell me the colour of {en}."], cen)
    return out


def world_questions(world):
    out = []
    for v in world.villages:
        ja, en = v.ja, f"{v.en} Village"
        table = [
            ("product", [f"{ja}の名物は?", f"{ja}の名物は何ですか?", f"{ja}では何が有名?", f"{ja}が誇る名物とは?"], [
                f"What is {en} famous for?", f"What is {en} known for?", f"For what is {en} famous?",
                f"What do people buy in {en}?"], v.product),
            ("land", [f"{ja}はどこにある?", f"{ja}はどこにありますか?", f"{ja}の場所は?", f"{ja}がある所は?"], [
                f"Where is {en}?", f"Where does {en} lie?", f"Where can one find {en}?", f"What is the location of {en}?"], v.land),
            ("roof", [f"{ja}の屋根は何色?", f"{ja}の屋根の色は?", f"{ja}の家々の屋根は何色ですか?", f"{ja}ではどんな色の屋根が見られる?"], [
                f"What colour are the roofs of {en}?", f"What is the colour of the roofs in {en}?",
                f"Which colour do the roofs of {en} have?", f"What colour of roof does one see in {en}?"], v.roof),
            ("festival", [f"{ja}の祭りは何月?", f"{ja}の祭りは何月にありますか?", f"何月に{ja}の祭りがある?", f"{ja}の祭りの月は?"], [
                f"In which month is the festival of {en}?", f"When is the festival of {en}?",
                f"In what month does {en} hold its festival?", f"What is the festival month of {en}?"],
             (number_ja(v.festival + 1) + "月", lex.MONTHS[v.festival])),
        ]
        for what, qja, qen, (aja, aen) in table:
            out += _ask("villages", "ja", f"{ja}.{what}", qja, aja) + _ask("villages", "en", f"{ja}.{what}", qen, aen)
    for p in world.people:
        ja, en = p.ja, p.en
        table = [
            ("job", [f"{ja}の仕事は?", f"{ja}の仕事は何ですか?", f"{ja}は何をしている人?", f"{ja}の職業は?"], [
                f"What is the job of {en}?", f"What does {en} do for a living?", f"What is {en}'s job?",
                f"What does {en} work as?"], p.job),
            ("home", [f"{ja}はどこに住んでいる?", f"{ja}はどの村に住んでいますか?", f"{ja}の村は?", f"{ja}の家がある村は?"], [
                f"Where does {en} live?", f"In which village does {en} live?", f"What is the home of {en}?",
                f"Which village is the home of {en}?"], (p.home.ja, f"{p.home.en} Village")),
            ("pet", [f"{ja}が飼っている動物は?", f"{ja}は何を飼っていますか?", f"{ja}のペットは?", f"{ja}の家にいる動物は?"], [
                f"What pet does {en} have?", f"What animal does {en} keep?", f"What is {en}'s pet?",
                f"Which animal lives with {en}?"], p.pet),
            ("food", [f"{ja}の好きな食べ物は?", f"{ja}は何が好きですか?", f"{ja}がよく食べる物は?", f"{ja}の好物は?"], [
                f"What is the favourite food of {en}?", f"What does {en} like to eat?", f"What is {en}'s favourite food?",
                f"Which food does {en} like best?"], p.food),
            ("hobby", [f"{ja}の趣味は?", f"{ja}の趣味は何ですか?", f"{ja}は休みの日に何をする?", f"{ja}の楽しみは?"], [
                f"What is the hobby of {en}?", f"What does {en} enjoy?", f"What is {en}'s hobby?",
                f"What does {en} do on holidays?"], p.hobby),
        ]
        for what, qja, qen, (aja, aen) in table:
            out += _ask("people", "ja", f"{ja}.{what}", qja, aja) + _ask("people", "en", f"{ja}.{what}", qen, aen)
    return out
