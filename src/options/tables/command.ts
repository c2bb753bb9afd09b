// What only a command line has: how and how much is said, and where options may come from besides flags.

export const command = {
  config: {
    kind: 'text',
    group: 'Run',
    flagOnly: true,
    placeholder: 'FILE',
    help: 'YAML or JSON file with any of these options as keys (a RUN/run.yaml is one); flags win over it',
  },
  dry_run: {
    kind: 'boolean',
    default: false,
    group: 'Run',
    flagOnly: true,
    help: 'say what would be done, and what it would take or cost, and do nothing',
    defaultText: '',
  },
  devices: {
    kind: 'text',
    nullable: true,
    default: null,
    group: 'Run',
    flagOnly: true,
    placeholder: '[N]xKIND',
    help: 'with --dry_run: what the run would take on such devices in PyTorch (FSDP2, bfloat16), for instance 8xh100 or h200',
    defaultText: 'this machine',
  },
  utilization: {
    kind: 'number',
    default: 0.35,
    min: 0.01,
    max: 1,
    group: 'Run',
    flagOnly: true,
    help: "with --devices: share of the data sheet's FLOP/s that training reaches",
  },
  report: {
    kind: 'boolean',
    default: true,
    group: 'Report',
    flagOnly: true,
    help: 'write RUN/report.html when the run is over; "whetstone report RUN" does it later',
  },
  details: {
    kind: 'boolean',
    default: false,
    group: 'Results',
    help: 'show each subject of MMLU',
    defaultText: '',
  },
  show: {
    kind: 'number',
    default: 5,
    integer: true,
    min: 0,
    group: 'Run',
    help: 'findings of each kind to print; 0 for all',
  },
} as const;

/** How every verb speaks. */
export const manner = {
  quiet: {
    kind: 'boolean',
    default: false,
    group: 'Output',
    flagOnly: true,
    help: 'print nothing but results and errors',
    defaultText: '',
  },
  json: {
    kind: 'boolean',
    default: false,
    group: 'Output',
    flagOnly: true,
    help: 'print JSON, one object a line: results on standard output; notes, progress and errors on standard error',
    defaultText: '',
  },
} as const;
