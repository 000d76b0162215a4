import { EXIT } from "../../base/exit_codes.ts";
import { printable } from "../../base/terminal.ts";
import type { Agent } from "../agents.ts";
import { agentNamed } from "../agents.ts";
import type { Command } from "../command.ts";
import { time } from "../format.ts";

export const agentsApproveRecovery: Command = {
  name: "agents approve-recovery",
  usage: "ID|NAME",
  summary: "Let an agent whose certificate has expired have a new one",
  about:
    "An agent that was away for too long comes back with a certificate that has expired, and waits. It still\n" +
    "proves the key that it was enrolled with; approve it if you know why it was away. It comes back by itself\n" +
    "within a minute. Where an approval cannot help, the exit code is 8.",
  options: [],
  examples: [
    "sallyportctl agents approve-recovery till-7",
    "sallyportctl agents --json | jq -r '.agents[] | select(.recovery.state == \"waiting\").id' |\n" +
    "    xargs -n 1 sallyportctl agents approve-recovery",
  ],
  async run(context) {
    const agent = await agentNamed(this, context);
    const { id, name } = agent;
    const path = `/agents/${id}/approve-recovery`;
    const approval = await context.platform.call<{ approvedAt: string; counts: boolean }>("POST", path);
    context.result(
      { name, ...approval },
      () =>
        approval.counts
          ? `Approved: ${
            printable(name)
          } gets a new certificate when it connects, within a minute if it runs.`
          : `This helps ${printable(name)} nothing: ${whyNot(agent, approval.approvedAt)}.`,
    );
    return approval.counts ? EXIT.ok : EXIT.failed;
  },
};

function whyNot({ revokedAt, certificateExpires }: Agent, approvedAt: string): string {
  if (revokedAt) return "it was revoked; enrol it again if that was a mistake";
  if (certificateExpires && Date.parse(certificateExpires) < Date.parse(approvedAt)) {
    return "its certificate expired too long ago; enrol it again";
  }
  return `its certificate is good until ${time(certificateExpires)}, so there is nothing to approve`;
}
