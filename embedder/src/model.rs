//! The network: BERT with the normalisation after each part ("Attention Is All You Need", Vaswani et al. 2017; BERT, Devlin et al. 2018).

use crate::format::{BLOCK, FFN, File, HIDDEN, LAYERS, LoadError, POSITIONS, Q4Matrix, VOCABULARY, half_to_f32};
use crate::kernel::{Activations, Kernel, TILE};
use crate::ops::{AddAndNormalise, Attend, Gelu, Memory};

pub(crate) struct Model {
    words: Q4Matrix<'static>,
    /// Position and type vectors added up: the type is always 0.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    inner: Linear,
    outer: Linear,
    norm: Norm,
}

struct Linear {
    weights: Q4Matrix<'static>,
    bias: Vec<f32>,
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Model {
    pub(crate) fn new(file: &File) -> Result<Self, LoadError> {
        let linear = |name: String, rows, columns| -> Result<Linear, LoadError> {
            let weights = file.matrix(&format!("{name}.w"), rows, columns)?;
            Ok(Linear { weights, bias: file.numbers(&format!("{name}.b"), rows)? })
        };
        let norm = |name: String| -> Result<Norm, LoadError> {
            let weight = file.numbers(&format!("{name}.w"), HIDDEN)?;
            Ok(Norm { weight, bias: file.numbers(&format!("{name}.b"), HIDDEN)? })
        };
        let layer = |i: usize| -> Result<Layer, LoadError> {
            Ok(Layer {
                query: linear(format!("l{i}.q"), HIDDEN, HIDDEN)?,
                key: linear(format!("l{i}.k"), HIDDEN, HIDDEN)?,
                value: linear(format!("l{i}.v"), HIDDEN, HIDDEN)?,
                attention_out: linear(format!("l{i}.ao"), HIDDEN, HIDDEN)?,
                attention_norm: norm(format!("l{i}.aln"))?,
                inner: linear(format!("l{i}.fi"), FFN, HIDDEN)?,
                outer: linear(format!("l{i}.fo"), HIDDEN, FFN)?,
                norm: norm(format!("l{i}.oln"))?,
            })
        };
        let mut positions = file.numbers("emb.pos", POSITIONS * HIDDEN)?;
        let types = file.numbers("emb.type", 2 * HIDDEN)?;
        for row in positions.chunks_exact_mut(HIDDEN) {
            row.iter_mut().zip(&types).for_each(|(x, kind)| *x += kind);
        }
        Ok(Self {
            words: file.matrix("emb.word", VOCABULARY, HIDDEN)?,
            positions,
            norm: norm("emb.ln".to_owned())?,
            layers: (0..LAYERS).map(layer).collect::<Result<_, _>>()?,
        })
    }

    /// Runs the network over 1 to `POSITIONS` ids and adds the last layer's vector of each token to `sum`.
    pub(crate) fn add_up(&self, kernel: Kernel, ids: &[u32], sum: &mut [f32; HIDDEN]) {
        let mut states = vec![0.0; ids.len() * HIDDEN];
        for (state, id) in states.as_chunks_mut::<HIDDEN>().0.iter_mut().zip(ids) {
            self.word(*id, state);
        }
        let positions = &self.positions[..states.len()];
        kernel.run(AddAndNormalise {
            rows: &mut states,
            change: positions,
            weight: &self.norm.weight,
            bias: &self.norm.bias,
        });

        let mut work = Work::new(ids.len());
        for layer in &self.layers {
            layer.run(kernel, &mut states, &mut work);
        }
        for state in states.as_chunks::<HIDDEN>().0 {
            sum.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
        }
    }

    fn word(&self, id: u32, state: &mut [f32; HIDDEN]) {
        for (block, to) in state.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let (scale, nibbles) = self.words.block(id as usize, block);
            let scale = half_to_f32(scale);
            for (j, byte) in nibbles.iter().enumerate() {
                to[j] = (f32::from(byte & 15) - 8.0) * scale;
                to[j + BLOCK / 2] = (f32::from(byte >> 4) - 8.0) * scale;
            }
        }
    }
}

/// Memory that all layers use in turn. Only queries, keys and values are kept for all tokens, the rest for a tile.
struct Work {
    quants: Activations,
    queries: Vec<f32>,
    memory: Memory,
    /// Keys and values of a tile, what it saw, or what changes its states.
    small: [Vec<f32>; 2],
    inner: Vec<f32>,
}

impl Work {
    fn new(tokens: usize) -> Self {
        let tile = tokens.min(TILE);
        Self {
            quants: Activations::default(),
            queries: vec![0.0; tokens * HIDDEN],
            memory: Memory::new(tokens),
            small: [vec![0.0; tile * HIDDEN], vec![0.0; tile * HIDDEN]],
            inner: vec![0.0; tile * FFN],
        }
    }
}

impl Layer {
    fn run(&self, kernel: Kernel, states: &mut [f32], work: &mut Work) {
        let Work { quants, queries, memory, small: [first, second], inner } = work;
        let tile = TILE * HIDDEN;
        let product = |linear: &Linear, input: &Activations, output: &mut [f32]| {
            kernel.product(&linear.weights, &linear.bias, input, output);
        };

        for (at, (states, queries)) in states.chunks(tile).zip(queries.chunks_mut(tile)).enumerate() {
            let (keys, values) = (&mut first[..states.len()], &mut second[..states.len()]);
            quants.set(kernel, states, HIDDEN);
            product(&self.query, quants, queries);
            product(&self.key, quants, keys);
            product(&self.value, quants, values);
            memory.store(at * TILE, keys, values);
        }
        for (states, queries) in states.chunks_mut(tile).zip(queries.chunks(tile)) {
            let (seen, change) = (&mut first[..states.len()], &mut second[..states.len()]);
            kernel.run(Attend { memory, queries, output: seen });
            quants.set(kernel, seen, HIDDEN);
            product(&self.attention_out, quants, change);
            self.attention_norm.run(kernel, states, change);

            let inner = &mut inner[..states.len() / HIDDEN * FFN];
            quants.set(kernel, states, HIDDEN);
            product(&self.inner, quants, inner);
            kernel.run(Gelu(inner));
            quants.set(kernel, inner, FFN);
            product(&self.outer, quants, change);
            self.norm.run(kernel, states, change);
        }
    }
}

impl Norm {
    fn run(&self, kernel: Kernel, rows: &mut [f32], change: &[f32]) {
        kernel.run(AddAndNormalise { rows, change, weight: &self.weight, bias: &self.bias });
    }
}
