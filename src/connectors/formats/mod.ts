import { csvReader } from "./csv_reader.ts";
import { csvWriter } from "./csv_writer.ts";
import type { ReadFormat, WriteFormat } from "./format.ts";
import { jsonReader } from "./json_reader.ts";
import { jsonWriter, ndjsonWriter } from "./json_writers.ts";
import { ndjsonReader } from "./ndjson_reader.ts";
import { xmlReader } from "./xml_reader.ts";

/** Every format that can be read. */
export const READ_FORMATS = [
  csvReader,
  jsonReader,
  ndjsonReader,
  xmlReader,
] as unknown as readonly ReadFormat[];

/** Every format that can be written. */
export const WRITE_FORMATS = [csvWriter, jsonWriter, ndjsonWriter] as unknown as readonly WriteFormat[];
