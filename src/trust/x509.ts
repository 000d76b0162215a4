/**
 * The certificate library, loaded only when certificates are made (50 to 100 ms): import this file with
 * `await import`, never at the top of a file that the agent needs to start.
 */
import "reflect-metadata";

export * from "@peculiar/x509";
