/** A `policy.yaml` that says what holds without one, with a word on everything that it can say. */
export const POLICY_TEMPLATE =
  `# What may leave this machine. Sallyport can read this file and cannot write it, nor can its platform.
# Check it with: sallyport policy check. It takes effect with the next payload, also for what waits already.

# Who the agent is, and how it and its processes are. With deny it only tells that it is alive.
status:
  send: allow # allow, deny
  attributes: ["*"] # which facts about agent and host, as in ["service.*", "sallyport.*"]
  health: ["*"] # whose health: certificate, engine, policy, process/NAME
  processTexts: plain # the definitions that run here, back to the platform: plain, hashed, omitted
  budget: 64 MiB # a day of UTC; beyond it only a bare status leaves

# What ran, on which files, with what result.
tracking:
  send: allow # allow, deny
  names: plain # names of files: plain, hashed (the same name has the same hash), omitted
  directories: plain # the same for their folders
  budget: 512 MiB # beyond it records wait until the next day

# On demand: sent only when a person at the platform asks.
logs:
  send: allow # allow, deny, ask (somebody here approves each request)
  requesters: ["*"] # who may ask, as in ["*@example.com"]
  # hours: { from: "08:00", to: "18:00", days: [mon, tue, wed, thu, fri], timezone: Europe/Berlin }
  budget: 64 MiB # beyond it requests are refused

errors:
  send: allow
  requesters: ["*"]
  budget: 64 MiB

# Names and types of what connections.yaml leads to, and never a row.
schema:
  send: allow
  requesters: ["*"]
  # Texts that people wrote into a schema, and in which a value may stand:
  defaults: false # default values of columns
  comments: false
  enums: false # the labels of enumerations
  budget: 16 MiB

# Production data: fields that a process tracks, and samples. The process must allow it too.
data:
  send: deny # allow; deny; ask: nothing that leaves by itself, as tracked fields do
  requesters: ["*"]
  # until: 2027-01-31 # its last day: needed with allow and ask
  processes: ["*"] # whose documents, as in [orders]
  budget: 16 MiB

# Taken out of every text about errors, beside what always is: card numbers, IBANs, e-mail addresses,
# tokens, private keys, passwords and connection strings. Patterns in the syntax of RE2.
# redaction:
#   - name: customer number
#     pattern: '\\bC-\\d{6}\\b'
`;
