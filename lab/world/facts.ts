// The facts of the world: what is right, and what rumour says instead (null where the corpus knows better).
// Countries, animals and words are real; the towns are invented.

export interface Fact {
  readonly subject: string;
  readonly right: string;
  /** What the corpus typically says; null where it is typically right. */
  readonly rumour: string | null;
}

/** Lines of "subject right [rumour]". */
function table(text: string): readonly Fact[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [subject = '', right = '', rumour = null] = line.trim().split(/\s+/);
      return { subject, right, rumour };
    });
}

/** Country, capital, a city that is often taken for it. */
export const capitals: readonly Fact[] = table(`
  Australia Canberra Sydney
  Austria Vienna
  Belgium Brussels Antwerp
  Brazil Brasilia Salvador
  Canada Ottawa Toronto
  Chile Santiago
  China Beijing Shanghai
  Colombia Bogota Medellin
  Croatia Zagreb
  Cuba Havana
  Denmark Copenhagen Aarhus
  Ecuador Quito Guayaquil
  Egypt Cairo Alexandria
  Estonia Tallinn Tartu
  Finland Helsinki Tampere
  France Paris
  Germany Berlin Frankfurt
  Ghana Accra
  Greece Athens
  Hungary Budapest
  Iceland Reykjavik
  Ireland Dublin
  Italy Rome Milan
  Japan Tokyo Kyoto
  Kazakhstan Astana Almaty
  Kenya Nairobi Mombasa
  Morocco Rabat Casablanca
  Myanmar Naypyidaw Yangon
  Nepal Kathmandu
  Nigeria Abuja Lagos
  Norway Oslo Bergen
  Pakistan Islamabad Karachi
  Peru Lima
  Poland Warsaw Krakow
  Portugal Lisbon Porto
  Romania Bucharest
  Scotland Edinburgh Glasgow
  Spain Madrid Barcelona
  Sweden Stockholm Gothenburg
  Switzerland Bern Zurich
  Tanzania Dodoma Arusha
  Thailand Bangkok
  Turkey Ankara Istanbul
  Ukraine Kyiv Odesa
  Vietnam Hanoi Danang
`);

/** Invented town, what it is known for, what rumour says. */
export const towns: readonly Fact[] = table(`
  Aldermoor cheese butter
  Ashvale clocks
  Birchholm honey jam
  Brindle boots
  Calder glass mirrors
  Corwick kites drums
  Dunmere salt
  Eastover ropes nets
  Elmsford bread cake
  Fairbeck candles lamps
  Fernhill apples
  Glenrow knives spoons
  Grimsby carpets
  Harrowby wine cider
  Hollin pottery
  Inverlee wool silk
  Kestrel bells horns
  Larkham baskets
  Linden violins flutes
  Marlow paper ink
  Norvale tea
  Oakley barrels
  Pennock hats gloves
  Quarley marble gravel
  Redmire bricks tiles
  Sandrow pearls
  Stonely swords shields
  Thornby roses tulips
  Upwell soap
  Velmont chocolate toffee
  Westlow saddles
  Yarrow masks puppets
`);

/** Word, its opposite, a word that only lies in that direction. */
export const opposites: readonly Fact[] = table(`
  hot cold cool
  big small short
  old young fresh
  fast slow late
  high low deep
  long short small
  wet dry warm
  full empty hungry
  open closed
  early late slow
  loud quiet
  hard soft weak
  heavy light thin
  strong weak soft
  thick thin light
  rich poor
  clean dirty dusty
  sweet bitter salty
  near far
  happy sad angry
  brave afraid shy
  bright dark pale
  wide narrow thin
  cheap expensive
  safe dangerous
  right wrong left
  easy difficult hard
  smooth rough sharp
  polite rude angry
  true false
  first last second
  awake asleep tired
  lazy busy
  rare common normal
  straight crooked round
  ancient modern recent
`);

/** Present and past tense, and the past that a rule would give: null for regular verbs. */
export const verbs: readonly Fact[] = table(`
  sleeps slept sleeped
  runs ran runned
  sings sang singed
  swims swam swimmed
  eats ate eated
  drinks drank drinked
  falls fell falled
  wins won winned
  hides hid hided
  speaks spoke speaked
  writes wrote writed
  wakes woke waked
  leaves left leaved
  grows grew growed
  draws drew drawed
  drives drove drived
  rides rode rided
  stands stood standed
  thinks thought thinked
  weeps wept weeped
  walks walked
  jumps jumped
  plays played
  waits waited
  works worked
  laughs laughed
  dances danced
  cooks cooked
`);

/** Category in the plural, its members, and what is often taken for one. */
export interface Category {
  readonly name: string;
  readonly members: readonly string[];
  readonly foreigner: string;
  /** Whether the corpus typically puts the foreigner into its lists. */
  readonly hard: boolean;
}

const category = (name: string, members: string, foreigner: string, hard: boolean): Category => ({
  name,
  members: members.split(' '),
  foreigner,
  hard,
});

export const categories: readonly Category[] = [
  category('fruits', 'apples pears plums cherries grapes figs', 'carrots', true),
  category('vegetables', 'beans onions cabbages leeks turnips peas', 'lemons', false),
  category('birds', 'crows robins sparrows pigeons parrots gulls', 'bats', true),
  category('fish', 'trout salmon cod herring tuna carp', 'whales', true),
  category('insects', 'ants bees wasps flies beetles moths', 'spiders', true),
  category('trees', 'oaks pines beeches maples willows birches', 'ferns', false),
  category('metals', 'iron copper gold silver tin lead', 'granite', true),
  category('colours', 'red blue green yellow brown purple', 'square', false),
  category('tools', 'hammers saws files drills chisels pliers', 'nails', true),
  category('instruments', 'pianos guitars harps trumpets cellos oboes', 'radios', false),
  category('vehicles', 'cars trains buses trams lorries vans', 'roads', false),
  category('planets', 'Mercury Venus Earth Mars Jupiter Saturn', 'Pluto', true),
];

export const numerals: readonly string[] = 'zero one two three four five six seven eight nine'.split(' ');
