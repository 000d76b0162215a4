/** The version of everything in this repository (https://semver.org). */
export const VERSION = "0.1.0";
