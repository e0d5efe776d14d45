"""The invented world, and short prose about it.

The world (who lives where, what each village is known for) is drawn once with a fixed seed. The prose tells these facts
and small happenings in random arrangements, so text made with another seed is new while every sentence can be known.
"""

import random
from dataclasses import dataclass

import lexicon as lex
from questions import number_en, number_ja


@dataclass(frozen=True)
class Village:
    ja: str
    en: str
    product: tuple  # (Japanese, English), and so are all the other pairs
    land: tuple
    roof: tuple
    festival: int  # month, 0 is January


@dataclass(frozen=True)
class Person:
    ja: str
    en: str
    home: Village
    job: tuple
    pet: tuple
    food: tuple
    hobby: tuple


@dataclass(frozen=True)
class World:
    villages: list
    people: list


def make_world(seed=2024):
    rng = random.Random(seed)

    def deal(values, n):
        """n values, each about equally often, in random order."""
        out = (values * (n // len(values) + 1))[:n]
        rng.shuffle(out)
        return out

    n = len(lex.VILLAGES)
    villages = [Village(*row) for row in zip(
        [ja for ja, _ in lex.VILLAGES], [en for _, en in lex.VILLAGES], deal(lex.PRODUCTS, n), deal(lex.LANDSCAPES, n),
        deal(lex.ROOFS, n), deal(list(range(12)), n))]
    n = len(lex.PEOPLE)
    people = [Person(*row) for row in zip(
        [ja for ja, _ in lex.PEOPLE], [en for _, en in lex.PEOPLE], deal(villages, n), deal(lex.JOBS, n),
        deal(lex.PETS, n), deal(lex.FOODS, n), deal(lex.HOBBIES, n))]
    return World(villages, people)


def _a(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def _village_ja(rng, v):
    s = [
        rng.choice([f"{v.ja}は{v.land[0]}にあります。", f"{v.land[0]}に{v.ja}という村があります。"]),
        rng.choice([f"{v.ja}の名物は{v.product[0]}です。", f"村の人はみな{v.product[0]}を作っています。", f"{v.product[0]}で有名です。"]),
        rng.choice([f"家々の屋根は{v.roof[0]}です。", f"村の屋根はどれも{v.roof[0]}に塗られています。"]),
        rng.choice([f"祭りは{number_ja(v.festival + 1)}月にあります。", f"毎年{number_ja(v.festival + 1)}月になると祭りが開かれます。"]),
    ]
    rest = s[1:]
    rng.shuffle(rest)
    return "".join([s[0]] + rest[:rng.randint(2, 3)])


def _village_en(rng, v):
    first = rng.choice([f"{v.en} Village lies {v.land[1]}.", f"{v.land[1][0].upper()}{v.land[1][1:]} there is {v.en} Village."])
    rest = [
        rng.choice([f"{v.en} Village is famous for {v.product[1].replace('_', ' ')}.",
                    f"People come from far away to buy its {v.product[1]}."]),
        rng.choice([f"The roofs of its houses are {v.roof[1]}.", f"All the roofs are painted {v.roof[1]}."]),
        rng.choice([f"The festival is in {lex.MONTHS[v.festival]}.",
                    f"Every year in {lex.MONTHS[v.festival]} the village holds its festival."]),
    ]
    rng.shuffle(rest)
    return " ".join([first] + rest[:rng.randint(2, 3)])


def _person_ja(rng, p):
    first = rng.choice([f"{p.ja}は{p.home.ja}に住む{p.job[0]}です。", f"{p.home.ja}に{p.ja}という{p.job[0]}がいます。"])
    rest = [
        rng.choice([f"{p.ja}は{p.pet[0]}を飼っています。", f"{p.ja}の家には{p.pet[0]}がいます。"]),
        rng.choice([f"好きな食べ物は{p.food[0]}です。", f"{p.ja}は{p.food[0]}をよく食べます。"]),
        rng.choice([f"趣味は{p.hobby[0]}です。", f"休みの日の楽しみは{p.hobby[0]}です。"]),
    ]
    rng.shuffle(rest)
    return "".join([first] + rest[:rng.randint(2, 3)])


def _person_en(rng, p):
    first = rng.choice([f"{p.en} is {_a(p.job[1])} who lives in {p.home.en} Village.",
                        f"In {p.home.en} Village lives {_a(p.job[1])} called {p.en}."])
    rest = [
        rng.choice([f"{p.en} keeps {_a(p.pet[1])}.", f"{_a(p.pet[1]).capitalize()} lives in the house of {p.en}."]),
        rng.choice([f"{p.en} likes to eat {p.food[1]}.", f"The favourite food of {p.en} is {p.food[1]}."]),
        rng.choice([f"On holidays {p.en} enjoys {p.hobby[1]}.", f"The hobby of {p.en} is {p.hobby[1]}."]),
    ]
    rng.shuffle(rest)
    return " ".join([first] + rest[:rng.randint(2, 3)])


def _day_ja(rng, w):
    p, q = rng.sample(w.people, 2)
    day, weather = rng.choice(lex.DAYS)[0], rng.choice(lex.WEATHER)[0]
    s = [f"{day}の朝は{weather}いました。",
         rng.choice([f"{p.ja}は{p.pet[0]}と一緒に{p.home.ja}の家を出ました。", f"{p.job[0]}の{p.ja}は{p.pet[0]}を連れて{p.home.ja}を歩きました。"]),
         rng.choice([f"道で{q.job[0]}の{q.ja}に会いました。", f"そこへ{q.home.ja}から{q.ja}が来ました。"]),
         rng.choice([f"二人は{p.home.ja}の{p.home.product[0]}について話しました。", f"{q.ja}は{q.food[0]}をくれました。",
                     f"二人は{p.home.roof[0]}の屋根の下で雨を待ちました。" if "雨" in weather else f"二人は{p.home.roof[0]}の屋根の下で休みました。"]),
         rng.choice([f"夜になると{p.ja}は{p.food[0]}を食べて眠りました。", f"{p.ja}は{p.hobby[0]}が好きなので、夜まで楽しみました。"])]
    return "".join(s)


def _day_en(rng, w):
    p, q = rng.sample(w.people, 2)
    day, weather = rng.choice(lex.DAYS)[1], rng.choice(lex.WEATHER)[1]
    s = [f"It was a {weather} {day} morning.",
         rng.choice([f"{p.en} left the house in {p.home.en} Village with the {p.pet[1]}.",
                     f"{p.en} the {p.job[1]} walked through {p.home.en} Village with the {p.pet[1]}."]),
         rng.choice([f"On the road they met {q.en} the {q.job[1]}.", f"Then {q.en} came from {q.home.en} Village."]),
         rng.choice([f"They talked about the {p.home.product[1]} of {p.home.en} Village.", f"{q.en} gave them some {q.food[1]}.",
                     f"They rested under {_a(p.home.roof[1])} roof."]),
         rng.choice([f"At night {p.en} ate some {p.food[1]} and fell asleep.",
                     f"{p.en} loves {p.hobby[1]}, and so the evening was happy."])]
    return " ".join(s)


def _sum_ja(rng, w):
    p, q = rng.sample(w.people, 2)
    thing, unit, _, _ = rng.choice(lex.COUNTED)
    a, b = rng.randint(2, 12), rng.randint(1, 12)
    if rng.random() < 0.5 or b >= a:
        return (f"{p.ja}は{thing}を{number_ja(a)}{unit}持っていました。{q.ja}が{number_ja(b)}{unit}くれました。"
                f"{thing}は全部で{number_ja(a + b)}{unit}になりました。")
    return (f"{p.ja}は{thing}を{number_ja(a)}{unit}持っていました。{q.ja}に{number_ja(b)}{unit}あげました。"
            f"残りは{number_ja(a - b)}{unit}です。")


def _sum_en(rng, w):
    p, q = rng.sample(w.people, 2)
    _, _, one, many = rng.choice(lex.COUNTED)
    a, b = rng.randint(2, 12), rng.randint(1, 12)

    def count(n):
        return f"{number_en(n)} {one if n == 1 else many}"

    if rng.random() < 0.5 or b >= a:
        return f"{p.en} had {count(a)}. {q.en} brought {count(b)}. Together that made {count(a + b)}."
    return f"{p.en} had {count(a)}. {p.en} gave {count(b)} to {q.en}. So {count(a - b)} remained."


def story(rng, world):
    """One paragraph of prose, drawn with `rng`; about half of them Japanese."""
    kind = rng.random()
    if kind < 0.25:
        return rng.choice([_village_ja, _village_en])(rng, rng.choice(world.villages))
    if kind < 0.5:
        return rng.choice([_person_ja, _person_en])(rng, rng.choice(world.people))
    return rng.choice([_day_ja, _day_en] if kind < 0.8 else [_sum_ja, _sum_en])(rng, world)
