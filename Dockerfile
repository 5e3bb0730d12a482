# syntax=docker/dockerfile:1
# One small image of the server: the program, CA certificates and the C library; no shell, no root.
#   docker build -t yanit .
#   docker run -p 127.0.0.1:4000:4000 -v yanit:/data yanit
# Behind a proxy add -e YANIT_TRUSTED_PROXIES=NETWORK for the network it forwards from; see README.md.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay with the builder, so the program is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin yanit \
    && install -D target/release/yanit /out/yanit \
    && mkdir /out/data

# Of the same Debian release as the builder: the same C library.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/yanit /usr/local/bin/yanit
# A new volume takes over the owner of the folder it covers.
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV YANIT_LISTEN=0.0.0.0:4000 \
    YANIT_DATA_DIR=/data
USER nonroot
WORKDIR /data
VOLUME /data
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/yanit", "health"]
ENTRYPOINT ["/usr/local/bin/yanit"]
