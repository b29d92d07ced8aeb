// The OpenAPI document of a server: every endpoint, what it takes and what it answers.

import { PREDICTION_MODES } from '../core/prediction/predictionMode.ts';
import { DATATYPES } from './protocol/datatypes.ts';

type Json = Readonly<Record<string, unknown>>;

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });
const answer = (description: string, schema: Json): Json => ({ description, content: json(schema) });
const problem = (description: string): Json => answer(description, ref('Error'));

const OBJECT: Json = { type: 'object' };
const COUNT: Json = { type: 'integer', minimum: 1 };

const MODEL: Json = { name: 'model', in: 'path', required: true, schema: { type: 'string', minLength: 1 } };
const VERSION: Json = {
  name: 'version',
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1 },
};

const COMMON = {
  401: problem('A token is required; it is missing or wrong.'),
  404: problem('No such model, version or path.'),
  503: problem('Busy, not ready, or stopping; Retry-After says when to try again.'),
};
const POSTED = {
  400: problem('A field is wrong; the message names it.'),
  403: problem('A page of another site asked.'),
  408: problem('The body did not arrive in time.'),
  413: problem('Beyond a limit of the server; the message names the field.'),
  415: problem('An unknown Content-Encoding.'),
};

function operation(summary: string, schema: Json, more: Json = {}): Json {
  const { responses = {}, ...rest } = more as { responses?: Json };
  return { summary, ...rest, responses: { 200: answer('Done.', schema), ...COMMON, ...responses } };
}

function body(schema: Json, required: boolean): Json {
  return { required, content: json(schema) };
}

const INFER = (summary: string, content: Json): Json => ({
  summary,
  description:
    'JSON, or JSON with binary tensors behind it (header Inference-Header-Content-Length). Bodies may be compressed by gzip, deflate or br.',
  requestBody: body(ref('InferRequest'), true),
  responses: {
    200: { description: 'The answer.', content },
    ...COMMON,
    ...POSTED,
    504: problem('No answer within deadline_ms.'),
  },
});

const INFER_CONTENT: Json = {
  ...json(ref('InferResponse')),
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
};

function modelPaths(base: string, parameters: readonly Json[]): Json {
  const of = (operations: Json): Json => ({ parameters, ...operations });
  return {
    [base]: of({ get: operation('Metadata of a model', ref('ModelMetadata')) }),
    [`${base}/ready`]: of({ get: operation('Whether a model answers', OBJECT) }),
    [`${base}/stats`]: of({ get: operation('Counts and times of a model', OBJECT) }),
    [`${base}/infer`]: of({ post: INFER('Predictive statistics of rows', INFER_CONTENT) }),
    [`${base}/infer_stream`]: of({
      post: INFER('The same as server-sent events of more and more draws; the last is the plain answer', {
        'text/event-stream': { schema: { type: 'string' } },
      }),
    }),
  };
}

const SCHEMAS: Json = {
  Error: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
  Tensor: {
    type: 'object',
    required: ['name', 'shape', 'datatype'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 1024, description: 'x, or the name of a column.' },
      shape: { type: 'array', items: COUNT, minItems: 1, maxItems: 8 },
      datatype: { type: 'string', enum: DATATYPES },
      parameters: {
        type: 'object',
        additionalProperties: false,
        properties: { binary_data_size: { type: 'integer', minimum: 0 } },
      },
      data: {
        type: 'array',
        description: 'Flat or nested, row-major; null is a missing cell of a column.',
      },
    },
  },
  InferRequest: {
    type: 'object',
    required: ['inputs'],
    additionalProperties: false,
    properties: {
      id: { type: 'string', maxLength: 1024 },
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      parameters: {
        type: 'object',
        additionalProperties: false,
        properties: {
          draws: { ...COUNT, description: 'Posterior draws that are averaged.' },
          tolerance: {
            type: 'number',
            exclusiveMinimum: 0,
            description: 'Draws continue until the Monte Carlo error of every mean of a row is at most this.',
          },
          min_draws: COUNT,
          max_draws: COUNT,
          seed: {
            type: ['string', 'integer'],
            minLength: 1,
            maxLength: 1024,
            description: 'Seed of the draws; default: that of the posterior.',
          },
          mode: { type: 'string', enum: PREDICTION_MODES, default: 'sample' },
          quantiles: {
            description: 'Levels between 0 and 1, as a list or as text with commas.',
            oneOf: [
              { type: 'array', items: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 } },
              { type: 'string' },
            ],
          },
          deadline_ms: { type: 'number', exclusiveMinimum: 0 },
          timeout: { type: 'number', exclusiveMinimum: 0, description: 'As deadline_ms, in microseconds.' },
          priority: { type: 'integer', enum: [0] },
          binary_data_output: { type: 'boolean' },
        },
      },
      inputs: { type: 'array', items: ref('Tensor'), minItems: 1 },
      outputs: {
        type: 'array',
        maxItems: 64,
        items: {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: {
            name: { type: 'string', minLength: 1, maxLength: 1024 },
            parameters: {
              type: 'object',
              additionalProperties: false,
              properties: { binary_data: { type: 'boolean' } },
            },
          },
        },
      },
    },
  },
  InferResponse: {
    type: 'object',
    required: ['model_name', 'model_version', 'outputs'],
    properties: {
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      id: { type: 'string' },
      parameters: OBJECT,
      outputs: { type: 'array', items: OBJECT },
    },
  },
  ModelMetadata: {
    type: 'object',
    required: ['name', 'versions', 'platform', 'inputs', 'outputs'],
    properties: {
      name: { type: 'string' },
      versions: { type: 'array', items: { type: 'string' } },
      platform: { type: 'string' },
      inputs: { type: 'array', items: OBJECT },
      outputs: { type: 'array', items: OBJECT },
      parameters: OBJECT,
    },
  },
};

/** @param secured whether the server asks for a token */
export function openApi(version: string, secured: boolean): Json {
  const optional = (properties: Json): Json => ({
    requestBody: body({ type: 'object', additionalProperties: false, properties }, false),
    responses: POSTED,
  });
  const changed = optional({ parameters: { type: 'object', maxProperties: 0 } });
  return {
    openapi: '3.1.0',
    info: {
      title: 'varpool',
      version,
      description: 'Bayesian neural networks behind the Open Inference Protocol v2.',
    },
    paths: {
      '/v2': { get: operation('What this server is', OBJECT) },
      '/v2/health/live': { get: operation('Whether the server runs', OBJECT, { security: [] }) },
      '/v2/health/ready': { get: operation('Whether all models answer', OBJECT, { security: [] }) },
      '/v2/models': { get: operation('Models and their states', OBJECT) },
      '/v2/models/stats': { get: operation('Counts and times of all models', OBJECT) },
      ...modelPaths('/v2/models/{model}', [MODEL]),
      ...modelPaths('/v2/models/{model}/versions/{version}', [MODEL, VERSION]),
      '/v2/repository/index': {
        post: operation(
          'Models and their states',
          { type: 'array', items: OBJECT },
          optional({ ready: { type: 'boolean', description: 'Only those that answer.' } }),
        ),
      },
      '/v2/repository/models/{model}/load': {
        parameters: [MODEL],
        post: operation('Reads a model again from its directory', OBJECT, changed),
      },
      '/v2/repository/models/{model}/unload': {
        parameters: [MODEL],
        post: operation('Takes a model out of service', OBJECT, changed),
      },
      '/metrics': {
        get: {
          summary: "Metrics in Prometheus' text format",
          responses: {
            200: { description: 'Done.', content: { 'text/plain': { schema: { type: 'string' } } } },
            ...COMMON,
          },
        },
      },
      '/openapi.json': { get: operation('This document', OBJECT, { security: [] }) },
    },
    components: {
      schemas: SCHEMAS,
      ...(secured ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : {}),
    },
    ...(secured ? { security: [{ token: [] }] } : {}),
  };
}
