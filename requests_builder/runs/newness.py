"""From where on a run takes records, where only new ones are wanted; and how far its request has come."""

from collections.abc import Mapping

from requests_builder import watermarks
from requests_builder.destinations import keyed, saying
from requests_builder.models import Run, SavedRequest, WriteMode


def progress(run: Run) -> watermarks.Progress | None:
    """Where the run stands; None if it takes all records.

    A run that goes on after its worker was lost goes on from where it began, whatever has been stored since.
    """
    saved_request = run.saved_request
    if not keyed.wants_new_only(saved_request):
        return None
    begun = watermarks.Progress(
        path=saved_request.newest_field,
        look_back=saved_request.look_back,
        # Update compares each record anyway, and an old one may have changed.
        leaves_out=saved_request.write_mode == WriteMode.APPEND,
        start=None if run.is_reset else saved_request.watermark,
        seen=saved_request.watermark,
    )
    goes_on = run.checkpoint and run.watermarks and run.request_version == saved_request.version
    return begun.with_stored(run.watermarks) if goes_on else begun


def parameters(saved_request: SavedRequest, progress: watermarks.Progress | None) -> Mapping[str, str]:
    """What the API is asked for: nothing at the first run."""
    if progress is None or progress.wanted_from is None or not saved_request.newest_parameter:
        return {}
    return {saved_request.newest_parameter: watermarks.as_parameter(progress.wanted_from)}


def keep(run: Run, progress: watermarks.Progress) -> str:
    """Store how far the request has come; sentences about it. Called in the transaction that publishes.

    What somebody has set meanwhile, or another run has stored, stays: the next run goes on from there.
    """
    stored = (
        SavedRequest.objects.select_for_update()
        .only("newest_field", "watermark")
        .get(pk=run.saved_request_id)
    )
    is_as_it_was = stored.newest_field == progress.path and stored.watermark == progress.seen
    if is_as_it_was and progress.reached is not None and progress.reached != stored.watermark:
        SavedRequest.objects.filter(pk=stored.pk).update(watermark=progress.reached)
    return " ".join(_sentences(run.saved_request, progress))


def _sentences(saved_request: SavedRequest, progress: watermarks.Progress) -> list[str]:
    said = []
    if progress.older:
        is_one = progress.older == 1
        said.append(
            f"{saying.counted(progress.older, 'record')} {'was' if is_one else 'were'} left out as older."
        )
    if progress.undated:
        is_one = progress.undated == 1
        said.append(
            f"{saying.counted(progress.undated, 'record')} had no value to compare at {progress.path}, and "
            f"{'was' if is_one else 'were'} taken."
        )
    start = progress.start
    if saved_request.look_back and start is not None and not watermarks.is_time(start):
        said.append(f"There was no looking back, because {start} is no time.")
    return said
