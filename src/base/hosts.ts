/** Whether this is an IP address, without brackets, and no name. */
export function isIpAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(":");
}
