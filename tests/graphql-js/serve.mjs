// graphql-js as a process that is asked over standard input and answers over standard output, a JSON text a line.
// The first line is { "schema": SDL }. Then { "validate": document } is answered with { "errors": [messages] }.

import { createInterface } from 'node:readline';
import { buildSchema, GraphQLError, isScalarType, isSpecifiedScalarType, Kind, parse, validate } from 'graphql';

// What the custom scalars take. JSON takes anything.
const FORMS = {
  DateTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  NaiveDate: /^\d{4}-\d\d-\d\d$/,
  UUID: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  EventCursor: /^(beginning|j\d+)$/,
  RunCursor: /^r\d+\.[01]\.\d+\.\d+$/,
  Upload: /^$a/,
};

function schemaOf(sdl) {
  const schema = buildSchema(sdl);
  for (const type of Object.values(schema.getTypeMap())) {
    const form = isScalarType(type) && !isSpecifiedScalarType(type) && FORMS[type.name];
    if (!form) continue;
    type.parseLiteral = (node) => {
      if (node.kind !== Kind.STRING || !form.test(node.value)) throw new GraphQLError(`Not a ${type.name}.`);
      return node.value;
    };
  }
  return schema;
}

let schema;

const COMMANDS = {
  schema(sdl) {
    schema = schemaOf(sdl);
    return {};
  },
  validate(text) {
    try {
      return { errors: validate(schema, parse(text)).map((error) => error.message) };
    } catch (error) {
      // A syntax error, or a condition on a subscription's root that cannot be evaluated.
      if (error instanceof GraphQLError) return { errors: [error.message] };
      throw error;
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[command, argument]] = Object.entries(JSON.parse(line));
  process.stdout.write(JSON.stringify(COMMANDS[command](argument)) + '\n');
}
