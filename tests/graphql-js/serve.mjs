// graphql-js as a process that is asked over standard input and answers over standard output, a JSON text a line.
// The first line is { "schema": SDL }. Then { "validate": document } is answered with { "errors": [messages] }.
//
// { "root": { data, failing } } gives a full answer of the server: the data of a document that asks for everything, and
// the name of a field that failed. Then { "execute": { document, variables, answer } } is answered with { problems }
// of an invalid document, else with { expected, actual, errors }: the data that graphql-js gives and the data of the
// server's answer, both as text, and the paths at which fields failed.

import { createInterface } from 'node:readline';
import {
  buildSchema, execute, GraphQLError, isScalarType, isSpecifiedScalarType, Kind, parse, validate,
} from 'graphql';

// A page of so many fails in the server.
const TOO_MANY = 1000;

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

let schema, root;

function resolve(source, args, _, info) {
  if (args.first === TOO_MANY || info.fieldName === root.failing) throw new Error('It fails.');
  // Where several types are possible, each has its fields under names of their own.
  const own = `${info.parentType.name}_${info.fieldName}`;
  return own in source ? source[own] : source[info.fieldName];
}

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
  root(answer) {
    root = answer;
    return {};
  },
  execute({ document: text, variables: variableValues, answer }) {
    const document = parse(text);
    const problems = validate(schema, document).map((error) => error.message);
    if (problems.length > 0) return { problems };
    // Nothing that is resolved from an answer is a promise.
    const result = execute({ schema, document, rootValue: root.data, variableValues, fieldResolver: resolve });
    const errors = (result.errors ?? []).map((error) => error.path);
    return {
      expected: JSON.stringify(result.data ?? null),
      actual: JSON.stringify(JSON.parse(answer).data),
      errors,
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[command, argument]] = Object.entries(JSON.parse(line));
  process.stdout.write(JSON.stringify(COMMANDS[command](argument)) + '\n');
}
