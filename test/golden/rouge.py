# Golden values of ROUGE: scores by rouge-score (google-research/google-research, folder rouge) and stems by NLTK.
# Usage: python rouge.py   with rouge-score (or that folder on PYTHONPATH under the package's name, rouge_score) and nltk.
from __future__ import annotations

import json
import platform
import random
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

TYPES = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]

# Words that go through every rule of the stemmer, with near misses beside them.
WORDS = """
sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed succeed
proceeds exceeded succeeding dies ties lies pies flies spies tried died lied tied spied replied allied denied hurried
caresses ponies caress cats gas buses classes glass analysis species series crises bus was this lens
feed agreed freed greed bleed indeed need seed exceed plastered bled motoring sing bring string king ring thing being
doing seeing going keying playing saying skiing conflated troubled sized hopping tanned falling hissing fizzed failing
filing planned planning added adding egged erring controlled rolled buzzing missed mapped boxing boxed snowed taped
hoping hoped eating eats ended used using owed aging iced acted aided
happy enjoy enjoyed enjoyment spy fly try by say toy yes yellow young symphony syzygy rhythm lyric tyrant myth
employ employer employee boys toys days keys play plays player cry crying cries dry dryer shy shyly
relational conditional rational national valency hesitancy digitizer conformably radically differently vilely
analogously vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity
sensibility carefully usefully thankfully geology theology archaeology philology biology apology analogies
triplicate formative formalize electricity electrical hopeful goodness kindness useful careless duplicate active
revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent
adoption homologous communism activate angularity effective bowdlerize nation motion opinion union region passion
probate rate cease please horse house case base tree free three lee fee controll roll ball small full skill install
generalization generalizations oscillators organization organizer organs organic university universe universal
probably possible possibly terribly ably able noble nobly doubly bubbly assembly
fairly finally really totally locally actually basically especially equally ideally globally mentally royally ally
rally alliance tally belly jelly bully fully sully dully wholly silly
argument document element cement moment comment payment government development department agreement
different difference independent science silence absence presence patience audience essence fence
creation station relation ration location vacation education foundation
engineer engineering computer computing computed computation computational compute
water letter better paper number never over under ever her per
music basic topic logic public critic panic arctic
animal normal formal legal royal final oral real deal meal
abate create state plate late ate gate debate relate
nervous famous obvious serious various us plus thus virus status
native motive five give alive drive massive passive
size prize realize realise organise advertise exercise
prism tourism racism optimism realism
quickly slowly early only holy lonely family reply apply supply ugly
running runner runs ran ring wing swimming sitting setting getting letting
writing written writes writer wrote lies lie lied laying laid
judged judging judgment judgement judges satisfactory unsatisfactory correct corrected corrections correctly
answers answered answering model models modelling modeling trained training trains trainer
2020s 90ies 4th 21st mp3s b2b 3ed 11ed aa11ed x9ing a1ly 100 007 y2k covid19 h2o
aaed eeing ooing yying yyyy ayed eyed oyly yay yaying ying yed
""".split()

# Pairs of reference and response in the project's own words.
PAIRS = [
    ["", ""],
    ["the kettle is warm", ""],
    ["", "the kettle is warm"],
    ["?!", "the kettle is warm"],
    ["the kettle is warm", "... --- ..."],
    ["the kettle is warm", "the kettle is warm"],
    ["kettle", "kettle kettle kettle"],
    ["one one two", "one two two one"],
    ["a b c d", "d c b a"],
    ["The Kettle, which was WARM!", "the kettle\twhich\nwas    warm"],
    ["running dogs were barking loudly", "the dog runs and barked loud"],
    ["studies of relational databases", "a study relating several database relations"],
    ["Café and naïve façade", "cafe and naive facade"],
    ["ÅNGSTRÖM İstanbul \u212aelvin", "angstrom istanbul kelvin i k"],
    ["дом и сад 42", "the house and the garden 42"],
    ["first line\nsecond line", "second line\nfirst line"],
    ["first line second line", "second line\nfirst line"],
    ["\n\nfirst line\n\n\nsecond line\n", "first\nline\nsecond\nline"],
    ["red and green\ngreen and blue\nblue and red", "red\ngreen and red\nblue blue"],
    ["line with a return\r\nand another", "line with a return\nand another\u2028line"],
    [
        "Mix the flour with water, let it rest for an hour and bake it until the crust is brown.",
        "Mix flour and water. Rest the dough one hour, then bake until brown and crusty.",
    ],
    [
        "The city has three bridges.\nThe oldest one was built by stonemasons.\nBoats pass under it at noon.",
        "Stonemasons built the oldest bridge of the city.\nAt noon, boats are passing under the bridges.",
    ],
    ["it's 3.14 or 3,140", "it s 3 14 or 3 140"],
    ["under_score and hy-phen", "under score and hyphen"],
]


def random_pairs(draw: random.Random) -> list[list[str]]:
    """Texts of few different words in several lines: ties between common subsequences, and words hit twice."""
    few = ["hat", "hats", "tree", "trees", "walk", "walking", "x", "7"]

    def text(lines: int, most: int) -> str:
        return "\n".join(" ".join(draw.choices(few, k=draw.randint(0, most))) for _ in range(lines))

    return [[text(draw.randint(1, 5), 14), text(draw.randint(1, 5), 14)] for _ in range(40)] + [
        [text(2, 90), text(3, 70)] for _ in range(4)
    ]


def random_words(draw: random.Random) -> list[str]:
    """Letters and digits in no language, ended by the suffixes that the rules are about."""
    ends = """s es ies sses ss ied eed ed ing at ated bling izing y ational tional enci ancy izer ably ally alli ently
    eli ously ization ation ator alism iveness fulness ousness aliti iviti biliti fully logy icate ative alize iciti
    ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll lle"""
    words = set()
    for end in ends.split():
        for _ in range(12):
            words.add("".join(draw.choices("aeiouybcdlstwxz1", k=draw.randint(0, 5))) + end)
    return sorted(words)


def scores(stem: bool, reference: str, response: str) -> dict[str, list[float]]:
    found = rouge_scorer.RougeScorer(TYPES, use_stemmer=stem).score(reference, response)
    return {name: [score.precision, score.recall, score.fmeasure] for name, score in found.items()}


def main() -> None:
    draw = random.Random(20231214)
    stemmer = PorterStemmer()
    pairs = PAIRS + random_pairs(draw)
    words = sorted(set(WORDS)) + random_words(draw)
    try:
        rouge_version = version("rouge-score")
    except PackageNotFoundError:
        rouge_version = "google-research/google-research, folder rouge"
    golden = {
        "versions": {"python": platform.python_version(), "nltk": version("nltk"), "rouge": rouge_version},
        "stems": {word: stemmer.stem(word) for word in words},
        "pairs": [
            {
                "reference": reference,
                "response": response,
                "plain": scores(False, reference, response),
                "stemmed": scores(True, reference, response),
            }
            for reference, response in pairs
        ],
    }
    path = Path(__file__).parent / "rouge.json"
    lines = ",\n".join(json.dumps(pair, ensure_ascii=True) for pair in golden["pairs"])
    stems = json.dumps(golden["stems"])
    path.write_text(
        f'{{\n"versions": {json.dumps(golden["versions"])},\n"stems": {stems},\n"pairs": [\n{lines}\n]\n}}\n'
    )


if __name__ == "__main__":
    main()
