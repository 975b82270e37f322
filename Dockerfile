# Hocket in a container; its default command is the studio.
#   docker build -t hocket .
#   docker build -t hocket --build-arg TORCH=torch==2.13.0 .                 with CUDA; then run it with --gpus all
#   docker run --rm -p 7870:7870 hocket                                      the studio: open http://localhost:7870/?token=...
#   docker run --rm -v "$PWD:/music" --user "$(id -u):$(id -g)" hocket fuse drums.wav chords.wav -o new.wav
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/bin:/bin PIP_NO_CACHE_DIR=1

# The torch that is tested, for processors alone; without this PyPI brings gigabytes of CUDA.
WORKDIR /opt/hocket
COPY constraints.txt ./
ARG TORCH="--requirement constraints.txt"
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install $TORCH || pip install --index-url $TORCH_INDEX $TORCH

COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install ".[eval,pictures,studio,onnx,hub]" && hocket doctor

# Whoever runs it may be any user, without a home of their own.
ENV HOME=/tmp
WORKDIR /music
EXPOSE 7870
ENTRYPOINT ["hocket"]
CMD ["studio", "--share", "--no-browser"]
