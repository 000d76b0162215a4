import { assertEquals } from "@std/assert";
import { parseCaFile } from "../../src/trust/ca_file.ts";
import { Company } from "../support/company.ts";

const [first, second] = [await Company.found("First"), await Company.found("Second")];
const leaf = await first.certify(["server.example"]);
const isTaken = () => true;

const namesOf = (text: string) => parseCaFile(text, isTaken).cas.map(({ facts }) => facts.subject);
const problemsOf = (text: string) => parseCaFile(text, isTaken).problems;

Deno.test("certificates are read whatever stands between them", () => {
  const windows = second.root.replaceAll("\n", "\r\n");
  const text = `# Our CAs\n${first.root}\nsubject=CN = Second\n  ${windows}`;
  assertEquals([namesOf(text), problemsOf(text)], [["CN=First", "CN=Second"], []]);
  assertEquals(parseCaFile(text, isTaken).cas.map(({ pem }) => pem), [first.root, second.root]);
});

Deno.test("a block that is of no use is named with its line, and the others count", () => {
  const lines = first.root.split("\n").length - 1;
  const at = `block 2 (line ${lines + 1})`;
  const changed = second.root.replace(/\n(.{10})/, "\n!!!!!!!!!!");
  const cut = second.root.split("\n").slice(0, 4).join("\n");
  const cases: [string, string][] = [
    [changed, `${at} is not base64: a character was lost or changed`],
    [cut, `${at} lacks its last line, "-----END CERTIFICATE-----"`],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", `${at} cannot be read as a certificate`],
    [leaf.key, `${at} is a private key; only certificates belong here`],
    [
      second.root.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"),
      `${at} is a "TRUSTED CERTIFICATE"; only a "CERTIFICATE" is understood`,
    ],
    [
      leaf.cert,
      `${at} is the certificate of "CN=server.example", which is no CA; put that of "CN=First" in its place`,
    ],
  ];
  for (const [damage, problem] of cases) {
    const text = `${first.root}${damage}\n${second.root}`;
    assertEquals([problemsOf(text), namesOf(text)], [[problem], ["CN=First", "CN=Second"]]);
  }
});

Deno.test("a certificate that the TLS stack does not take is named and left out", () => {
  const { cas, problems } = parseCaFile(first.root + second.root, (pem) => pem === second.root);
  assertEquals(problems, [`block 1 (line 1) ("CN=First") is refused by the runtime's TLS`]);
  assertEquals(cas.map(({ pem }) => pem), [second.root]);
});

Deno.test("a file without a certificate is a problem, not an empty list", () => {
  for (const text of ["", "hello", "\u0000\u0001"]) {
    assertEquals(problemsOf(text), ["there is no certificate in it, in PEM"]);
  }
});
