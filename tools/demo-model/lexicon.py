"""Words, names and attribute lists from which the demonstration corpus is put together.

Everything here was written for this project. The villages and the people are invented; what is true of each of them
is drawn by generate_corpus.py with a fixed seed. Every Japanese word and every English word occurs once, so that a
translation has exactly one right answer.
"""

# Lines of "Japanese English" pairs, by kind; an underscore stands for a space in English.
_WORDS = {
    "animal": """犬 dog|猫 cat|馬 horse|牛 cow|豚 pig|羊 sheep|山羊 goat|兎 rabbit|鼠 mouse|熊 bear|狐 fox|狸 raccoon
        |猿 monkey|虎 tiger|象 elephant|亀 turtle|蛙 frog|蛇 snake|魚 fish|鳥 bird|鶴 crane|鴨 duck|梟 owl|燕 swallow
        |蝶 butterfly|蜂 bee|蟻 ant|鯨 whale|鹿 deer|狼 wolf""",
    "plant": """木 tree|花 flower|草 grass|葉 leaf|桜 cherry_blossom|松 pine|竹 bamboo|薔薇 rose|苔 moss|種 seed""",
    "food": """米 rice|パン bread|卵 egg|塩 salt|砂糖 sugar|林檎 apple|桃 peach|葡萄 grape|梨 pear|苺 strawberry
        |栗 chestnut|豆 bean|人参 carrot|玉葱 onion|大根 radish|芋 potato|茸 mushroom|蜂蜜 honey|味噌 miso|豆腐 tofu
        |牛乳 milk|お茶 tea|水 water|スープ soup|チーズ cheese""",
    "nature": """山 mountain|川 river|海 sea|湖 lake|森 forest|島 island|空 sky|雲 cloud|雨 rain|雪 snow|風 wind
        |太陽 sun|月 moon|星 star|石 stone|砂 sand|火 fire|氷 ice|虹 rainbow|雷 thunder|谷 valley|波 wave""",
    "body": """頭 head|目 eye|耳 ear|鼻 nose|口 mouth|手 hand|足 foot|指 finger|腕 arm|背中 back|首 neck|歯 tooth
        |髪 hair|心臓 heart|膝 knee""",
    "thing": """本 book|紙 paper|鉛筆 pencil|机 desk|椅子 chair|扉 door|窓 window|鍵 key|時計 clock|傘 umbrella|帽子 hat
        |靴 shoe|服 clothes|鞄 bag|皿 plate|箸 chopsticks|鍋 pot|包丁 knife|鏡 mirror|鐘 bell|船 ship|車 car|自転車 bicycle
        |電車 train|手紙 letter|地図 map|箱 box|糸 thread|太鼓 drum|笛 flute|提灯 lantern|人形 doll""",
    "place": """家 house|学校 school|病院 hospital|駅 station|店 shop|図書館 library|橋 bridge|道 road|庭 garden|畑 field
        |台所 kitchen|部屋 room|港 harbor|市場 market|公園 park|塔 tower|井戸 well|国 country""",
    "person": """父 father|母 mother|兄 older_brother|姉 older_sister|弟 younger_brother|妹 younger_sister|友達 friend
        |子供 child|先生 teacher|医者 doctor|漁師 fisherman|農夫 farmer|大工 carpenter|王 king""",
    "colour": """赤 red|青 blue|白 white|黒 black|緑 green|黄色 yellow|紫 purple|茶色 brown|灰色 gray|金色 gold""",
    "time": """朝 morning|昼 noon|夕方 evening|夜 night|今日 today|明日 tomorrow|昨日 yesterday|春 spring|夏 summer|秋 autumn
        |冬 winter|年 year|週 week|時間 hour""",
    "verb": """食べる eat|飲む drink|見る see|聞く hear|話す speak|読む read|書く write|歩く walk|走る run|泳ぐ swim|飛ぶ fly
        |眠る sleep|笑う laugh|泣く cry|歌う sing|踊る dance|作る make|洗う wash|待つ wait|遊ぶ play""",
    "quality": """美しい beautiful|楽しい fun|忙しい busy|静か quiet|甘い sweet|辛い spicy|丸い round|優しい kind|賢い wise
        |眠い sleepy""",
}


def _pairs(text):
    return [(p.split()[0], p.split()[1].replace("_", " ")) for p in text.split("|")]


WORDS = [(ja, en, kind) for kind, text in _WORDS.items() for ja, en in _pairs(text)]

# (Japanese, its opposite, English, its opposite)
OPPOSITES = [
    tuple(line.split()) for line in """大きい 小さい big small|長い 短い long short|高い 低い high low|新しい 古い new old
    |明るい 暗い bright dark|熱い 冷たい hot cold|重い 軽い heavy light|速い 遅い fast slow|強い 弱い strong weak
    |広い 狭い wide narrow|深い 浅い deep shallow|厚い 薄い thick thin|近い 遠い near far|多い 少ない many few
    |良い 悪い good bad|硬い 柔らかい hard soft|簡単 複雑 simple complex|安全 危険 safe dangerous|上 下 up down
    |右 左 right left|前 後ろ front rear|中 外 inside outside|東 西 east west|北 南 north south|開ける 閉める open close
    |始まる 終わる begin end|買う 売る buy sell|勝つ 負ける win lose|上がる 下がる rise fall|増える 減る increase decrease
    |入る 出る enter leave|来る 行く come go|貸す 借りる lend borrow|押す 引く push pull|与える 受け取る give receive
    |覚える 忘れる remember forget|起きる 寝る wake_up fall_asleep|乾いた 濡れた dry wet|若い 年老いた young aged
    |金持ち 貧乏 rich poor|入口 出口 entrance exit|始め 終わり first last|味方 敵 ally enemy|昼間 夜中 daytime midnight"""
    .replace("\n", "").split("|")
]

DAYS = _pairs("月曜日 Monday|火曜日 Tuesday|水曜日 Wednesday|木曜日 Thursday|金曜日 Friday|土曜日 Saturday|日曜日 Sunday")
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
SEASONS = [("冬", "winter")] * 2 + [("春", "spring")] * 3 + [("夏", "summer")] * 3 + [("秋", "autumn")] * 3 + [
    ("冬", "winter")]

# Things whose colour everybody can agree on in this small world.
COLOURS_OF = [
    ("雪", "snow", "白", "white"), ("晴れた空", "a clear sky", "青", "blue"), ("夜の空", "the night sky", "黒", "black"),
    ("苺", "a strawberry", "赤", "red"), ("草", "grass", "緑", "green"), ("葡萄", "a grape", "紫", "purple"),
    ("栗", "a chestnut", "茶色", "brown"), ("牛乳", "milk", "白", "white"), ("レモン", "a lemon", "黄色", "yellow"),
    ("象", "an elephant", "灰色", "gray"), ("王の冠", "the crown of the king", "金色", "gold"),
    ("夕焼け", "the sunset", "赤", "red"), ("鴉", "a crow", "黒", "black"), ("蛙", "a frog", "緑", "green"),
    ("塩", "salt", "白", "white"), ("雨雲", "a rain cloud", "灰色", "gray"), ("海", "the sea", "青", "blue"),
    ("ひまわり", "a sunflower", "黄色", "yellow"),
]

VILLAGES = _pairs("""みどり村 Midori|かぜ村 Kaze|ひかり村 Hikari|つき村 Tsuki|ほし村 Hoshi|いずみ村 Izumi|あさひ村 Asahi
    |こだま村 Kodama|さざなみ村 Sazanami|わかば村 Wakaba|しずく村 Shizuku|ゆきの村 Yukino""")
PEOPLE = _pairs("""はるか Haruka|けんた Kenta|さくら Sakura|たろう Taro|みちこ Michiko|じろう Jiro|あかね Akane|こうた Kota
    |ゆりこ Yuriko|まさお Masao|なつみ Natsumi|しんじ Shinji|ふゆみ Fuyumi|てつや Tetsuya|あきこ Akiko|のぶお Nobuo""")

PRODUCTS = _pairs("""りんごのパイ apple_pie|栗のケーキ chestnut_cake|蜂蜜 honey|桃のジャム peach_jam|焼き魚 grilled_fish
    |豆のスープ bean_soup|竹の籠 bamboo_baskets|木の人形 wooden_dolls|紙の傘 paper_umbrellas|青い皿 blue_plates
    |山羊のチーズ goat_cheese|茸の鍋 mushroom_stew|お茶 tea|銀の鈴 silver_bells""")
LANDSCAPES = [("山の上", "on a mountain"), ("川のそば", "by a river"), ("海の近く", "near the sea"), ("森の中", "in a forest"),
              ("湖のほとり", "beside a lake"), ("谷の底", "in a valley"), ("島の真ん中", "in the middle of an island")]
ROOFS = _pairs("赤 red|青 blue|白 white|黒 black|緑 green|黄色 yellow|紫 purple|茶色 brown")
JOBS = _pairs("""先生 teacher|医者 doctor|漁師 fisherman|農夫 farmer|大工 carpenter|パン屋 baker|歌手 singer|画家 painter
    |船長 captain|庭師 gardener|駅長 stationmaster|時計職人 clockmaker""")
PETS = _pairs("犬 dog|猫 cat|馬 horse|兎 rabbit|亀 turtle|鳥 bird|山羊 goat|狐 fox|梟 owl|羊 sheep|猿 monkey|豚 pig")
FOODS = _pairs("""りんご apples|桃 peaches|梨 pears|苺 strawberries|葡萄 grapes|パン bread|豆腐 tofu|チーズ cheese|卵 eggs
    |スープ soup|栗 chestnuts|お茶 tea""")
HOBBIES = [("歌うこと", "singing"), ("泳ぐこと", "swimming"), ("本を読むこと", "reading books"), ("絵を描くこと", "painting"),
           ("星を見ること", "watching stars"), ("料理をすること", "cooking"), ("山を歩くこと", "walking in the mountains"),
           ("手紙を書くこと", "writing letters"), ("太鼓をたたくこと", "playing the drum"), ("踊ること", "dancing")]
COUNTED = [("りんご", "個", "apple", "apples"), ("桃", "個", "peach", "peaches"), ("栗", "個", "chestnut", "chestnuts"),
           ("本", "冊", "book", "books"), ("皿", "枚", "plate", "plates"), ("鉛筆", "本", "pencil", "pencils"),
           ("石", "個", "stone", "stones"), ("花", "本", "flower", "flowers"), ("卵", "個", "egg", "eggs")]
WEATHER = [("晴れて", "sunny"), ("曇って", "cloudy"), ("雨が降って", "rainy"), ("雪が降って", "snowy"), ("風が吹いて", "windy")]
