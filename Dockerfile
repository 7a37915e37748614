# c8ybin in an image that holds one file and nothing else: no shell, no packages, nobody to become.
#
#   docker build --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" -t c8ybin .
#   docker run --read-only -v c8ybin:/data -p 127.0.0.1:8080:8080 c8ybin
#
# Where it is reached from elsewhere than through that port, give it TLS (--tls-cert) or a proxy (--trusted-proxy)
# instead of --insecure-http: `docker run ... c8ybin serve --tls-cert /tls/cert.pem --tls-key /tls/key.pem`.
FROM python:3.11-slim-bookworm AS build
# Whatever version the image's Debian has is right: it compiles a launcher of 300 lines.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ARG SOURCE_DATE_EPOCH=315532800
COPY . .
RUN ./scripts/build onefile \
    && mkdir -m 700 /empty

FROM scratch
COPY --from=build /src/dist/c8ybin /c8ybin
# A volume takes its owner from what it is laid over.
COPY --from=build --chown=10001:10001 /empty /data
USER 10001:10001
ENV C8YBIN_DATA=/data C8YBIN_HOST=0.0.0.0
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/c8ybin", "health"]
ENTRYPOINT ["/c8ybin"]
CMD ["serve", "--insecure-http"]
