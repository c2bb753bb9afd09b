// Completion for PowerShell, 5 and later: the verbs as JSON, and a block that looks up what may follow.
import type { CompletedVerb, Value } from './verbs.ts';

export function powershellScript(verbs: readonly CompletedVerb[]): string {
  const places = { whetstone: placeOf(verbs, [], []), ...placesOf(verbs, 'whetstone') };
  return block.replace('PLACES', () => ascii(JSON.stringify(places)));
}

/** No pairs: PowerShell would take a list of one list for the inner one. */
interface Word {
  readonly word: string;
  readonly told: string;
}

/** What may stand in a place: verbs and values, flags, and what a flag's value may be; null: a file or a text. */
interface Place {
  readonly words: readonly Word[];
  readonly flags: readonly Word[];
  readonly values: Readonly<Record<string, readonly Word[] | null>>;
}

/** The verbs by how they are typed. */
const placesOf = (verbs: readonly CompletedVerb[], before: string): Record<string, Place> =>
  Object.fromEntries(
    verbs.flatMap(({ name, verbs: inner, flags, positionals }) => {
      const typed = `${before} ${name}`;
      return [
        [typed, placeOf(inner, flags, positionals)] as const,
        ...Object.entries(placesOf(inner, typed)),
      ];
    }),
  );

const placeOf = (
  verbs: readonly CompletedVerb[],
  flags: CompletedVerb['flags'],
  positionals: readonly Value[],
): Place => ({
  words: [
    ...verbs.map(({ name, summary }): Word => ({ word: name, told: summary })),
    ...positionals.flatMap((value) => wordsOf(value) ?? []),
  ],
  flags: flags.map(({ name, help }): Word => ({ word: name, told: help })),
  values: Object.fromEntries(
    flags.filter(({ value }) => value.kind !== 'none').map(({ name, value }) => [name, wordsOf(value)]),
  ),
});

const wordsOf = (value: Value): readonly Word[] | null =>
  value.kind === 'words' ? value.words.map((word): Word => ({ word, told: word })) : null;

/** PowerShell 5 reads what a program prints in the code page of its console. */
const ascii = (json: string): string =>
  json.replace(/[^\0-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

// Where the block returns nothing, PowerShell completes files.
const block = `# Completion of whetstone for PowerShell, made by "whetstone completion powershell".
Register-ArgumentCompleter -Native -CommandName whetstone -ScriptBlock {
    param($word, $command, $cursor)
    $places = ConvertFrom-Json @'
PLACES
'@
    $before = @($command.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.Extent.Text })
    $typed = 'whetstone'
    foreach ($each in ($before | Select-Object -Skip 1)) {
        if ($places.PSObject.Properties["$typed $each"]) { $typed = "$typed $each" }
    }
    $place = $places.$typed
    $value = $place.values.PSObject.Properties[[string]$before[-1]]
    $found = if ($value) { $value.Value } elseif ("$word".StartsWith('-')) { $place.flags } else { $place.words }
    foreach ($each in $found) {
        if ($each -and $each.word.StartsWith("$word", [System.StringComparison]::OrdinalIgnoreCase)) {
            [System.Management.Automation.CompletionResult]::new($each.word, $each.word, 'ParameterValue', $each.told)
        }
    }
}
`;
